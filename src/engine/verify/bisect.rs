//! Delta debugging: which of several rewrites make a check fail.

/// The smallest set of `units` found for which `fails` is true: no member of it can be left out. `fails` must be true
/// for all of them together. Source: A. Zeller and R. Hildebrandt, IEEE Transactions on Software Engineering 28
/// (2002), algorithm ddmin.
pub fn guilty<E>(units: &[usize], fails: &mut dyn FnMut(&[usize]) -> Result<bool, E>) -> Result<Vec<usize>, E> {
    let mut suspects = units.to_vec();
    let mut n_parts = 2;
    while suspects.len() > 1 {
        let length = suspects.len().div_ceil(n_parts);
        let parts: Vec<Vec<usize>> = suspects.chunks(length).map(<[usize]>::to_vec).collect();
        if let Some(part) = first_failing(&parts, fails)? {
            suspects = part;
            n_parts = 2;
            continue;
        }
        // With two parts the complement of one is the other, which was tried.
        let complements: Vec<Vec<usize>> = if parts.len() > 2 {
            let rest = |part: &Vec<usize>| suspects.iter().copied().filter(|unit| !part.contains(unit)).collect();
            parts.iter().map(rest).collect()
        } else {
            vec![]
        };
        if let Some(rest) = first_failing(&complements, fails)? {
            suspects = rest;
            n_parts = (n_parts - 1).max(2);
        } else if n_parts >= suspects.len() {
            break;
        } else {
            n_parts = (n_parts * 2).min(suspects.len());
        }
    }
    Ok(suspects)
}

fn first_failing<E>(
    sets: &[Vec<usize>],
    fails: &mut dyn FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Option<Vec<usize>>, E> {
    for set in sets {
        if fails(set)? {
            return Ok(Some(set.clone()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn check(n_units: usize, culprits: &[usize], n_probes_max: usize) {
        let units: Vec<usize> = (0..n_units).collect();
        let mut n_probes = 0;
        let found = guilty::<Infallible>(&units, &mut |set| {
            n_probes += 1;
            Ok(culprits.iter().all(|culprit| set.contains(culprit)))
        });
        let Ok(mut found) = found;
        found.sort_unstable();
        assert_eq!(found, culprits);
        assert!(n_probes <= n_probes_max, "{n_probes} probes");
    }

    #[test]
    fn a_single_culprit_is_found_in_few_probes() {
        check(1, &[0], 0);
        check(64, &[37], 12);
        check(7, &[6], 6);
    }

    #[test]
    fn a_culprit_pair_is_found() {
        check(16, &[3, 12], 60);
        check(2, &[0, 1], 4);
        check(5, &[0, 2, 4], 40);
    }
}
