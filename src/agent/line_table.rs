//! The tables by which CPython finds the line of an instruction: one form until 3.9, one in 3.10, one since 3.11.

/// The line of the instruction at `offset` bytes; the function's first line where the table says nothing.
pub(super) fn line_of(minor: u32, table: &[u8], first_line: u32, offset: i32) -> u32 {
    let Ok(offset) = u32::try_from(offset) else { return first_line };
    let found = match minor {
        ..=9 => by_increments(table, first_line, offset),
        10 => by_ranges(table, first_line, offset),
        _ => by_locations(table, first_line, offset),
    };
    found.filter(|line| *line > 0).unwrap_or(first_line)
}

/// Pairs of bytes: how much further the next entry's code and line are.
fn by_increments(table: &[u8], first_line: u32, offset: u32) -> Option<u32> {
    let (mut at, mut line) = (0_u32, first_line);
    for pair in table.chunks_exact(2) {
        at += u32::from(pair[0]);
        if at > offset {
            break;
        }
        line = line.checked_add_signed(i32::from(pair[1].cast_signed()))?;
    }
    Some(line)
}

/// Pairs of bytes: the length of a range of code, and how much further its line is; -128 is no line.
fn by_ranges(table: &[u8], first_line: u32, offset: u32) -> Option<u32> {
    let (mut end, mut line) = (0_u32, first_line);
    for pair in table.chunks_exact(2) {
        end += u32::from(pair[0]);
        let step = pair[1].cast_signed();
        if step != i8::MIN {
            line = line.checked_add_signed(i32::from(step))?;
        }
        if offset < end {
            return (step != i8::MIN).then_some(line);
        }
    }
    None
}

/// Entries whose first byte has its high bit set: kind, length in instructions of two bytes, then the line's step in a
/// form that depends on the kind, then columns.
fn by_locations(table: &[u8], first_line: u32, offset: u32) -> Option<u32> {
    let (mut end, mut line) = (0_u32, first_line);
    let mut at = 0;
    while let Some(&head) = table.get(at) {
        let kind = head >> 3 & 15;
        end += 2 * (u32::from(head & 7) + 1);
        let step = match kind {
            13 | 14 => signed_number(&table[at + 1..]),
            10..=12 => i32::from(kind) - 10,
            _ => 0,
        };
        line = line.checked_add_signed(step)?;
        if offset < end {
            return (kind != 15).then_some(line);
        }
        at += 1;
        while table.get(at).is_some_and(|byte| byte & 0x80 == 0) {
            at += 1;
        }
    }
    None
}

/// Six bits a byte, the lowest first; the lowest of all is the sign.
fn signed_number(bytes: &[u8]) -> i32 {
    let (mut value, mut shift) = (0_u32, 0);
    for byte in bytes {
        value |= u32::from(byte & 63).checked_shl(shift).unwrap_or(0);
        shift += 6;
        if byte & 64 == 0 {
            break;
        }
    }
    let magnitude = (value >> 1).cast_signed();
    if value & 1 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_until_3_9_follow_from_increments() {
        // Lines 10, 11 from byte 4, 9 from byte 10.
        let table = [4, 1, 6, 0xFE];
        let lines: Vec<_> = [0, 3, 4, 9, 10, 40, -1].map(|offset| line_of(9, &table, 10, offset)).into();
        assert_eq!(lines, [10, 10, 11, 11, 9, 9, 10]);
    }

    #[test]
    fn lines_of_3_10_follow_from_ranges() {
        let table = [4, 1, 6, 0x80, 2, 3];
        let lines: Vec<_> = [0, 3, 4, 10, 11, 12].map(|offset| line_of(10, &table, 10, offset)).into();
        assert_eq!(lines, [11, 11, 10, 14, 14, 10], "the range without a line falls back to the first line");
    }

    #[test]
    fn lines_since_3_11_follow_from_locations() {
        // Kind 13 (no columns), 2 instructions, +1; kind 0 (short), 1 instruction; kind 14 (long), 1 instruction, -3.
        let table = [0x80 | 13 << 3 | 1, 2, 0x80, 0x12, 0x80 | 14 << 3, 7, 0, 1, 2];
        let lines: Vec<_> = [0, 2, 4, 6, 8].map(|offset| line_of(12, &table, 10, offset)).into();
        assert_eq!(lines, [11, 11, 11, 8, 10]);
    }

    #[test]
    fn a_table_that_was_cut_ends_in_the_first_line() {
        assert_eq!(line_of(13, &[0x80 | 13 << 3], 7, 0), 7);
        assert_eq!(line_of(13, &[], 7, 4), 7);
        assert_eq!(signed_number(&[0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F]), -0x7FFF_FFFF);
    }
}
