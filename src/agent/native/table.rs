//! A hash table in pages of its own: the allocator it would otherwise use is the one under observation.

use super::system;

/// A key; its default stands for an empty place and is never stored.
pub trait Key: Copy + PartialEq + Default {
    fn hash(self) -> u64;
}

impl Key for usize {
    fn hash(self) -> u64 {
        (self as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Key for [u32; 3] {
    fn hash(self) -> u64 {
        let first = u64::from(self[0]) << 32 | u64::from(self[1]);
        let second = u64::from(self[2]).rotate_left(17).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (first ^ second).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// Open addressing, at most half full. The caller holds the lock.
pub struct Table<K: Key, V: Copy> {
    places: *mut (K, V),
    bits: u32,
    pub len: usize,
}

/// Places of a new table.
const BITS_MIN: u32 = 10;

impl<K: Key, V: Copy> Table<K, V> {
    pub const fn new() -> Self {
        Self { places: core::ptr::null_mut(), bits: 0, len: 0 }
    }

    /// SAFETY of all `unsafe` below: `places` has `1 << bits` entries, and every index is masked to that.
    fn first(&self, key: K) -> usize {
        (key.hash() >> (64 - self.bits)) as usize
    }

    fn mask(&self) -> usize {
        (1 << self.bits) - 1
    }

    fn find(&self, key: K) -> *mut (K, V) {
        let mut at = self.first(key);
        loop {
            let place = unsafe { self.places.add(at) };
            let found = unsafe { (*place).0 };
            if found == key || found == K::default() {
                return place;
            }
            at = (at + 1) & self.mask();
        }
    }

    pub fn get(&self, key: K) -> Option<V> {
        if self.places.is_null() {
            return None;
        }
        let place = unsafe { *self.find(key) };
        (place.0 == key).then_some(place.1)
    }

    /// The value that was there before; `Err` when there is no memory for more.
    pub fn insert(&mut self, key: K, value: V) -> Result<Option<V>, ()> {
        if self.places.is_null() || self.len * 2 >= 1 << self.bits {
            self.grow()?;
        }
        let place = unsafe { &mut *self.find(key) };
        let before = (place.0 == key).then_some(place.1);
        *place = (key, value);
        self.len += usize::from(before.is_none());
        Ok(before)
    }

    pub fn remove(&mut self, key: K) -> Option<V> {
        if self.places.is_null() {
            return None;
        }
        let place = self.find(key);
        let (found, value) = unsafe { *place };
        if found != key {
            return None;
        }
        self.len -= 1;
        let mut hole = unsafe { place.offset_from(self.places) } as usize;
        let mut at = hole;
        // What follows moves up, so that no search ends too early.
        loop {
            at = (at + 1) & self.mask();
            let next = unsafe { *self.places.add(at) };
            if next.0 == K::default() {
                break;
            }
            let home = self.first(next.0);
            if (at.wrapping_sub(home) & self.mask()) >= (at.wrapping_sub(hole) & self.mask()) {
                unsafe { *self.places.add(hole) = next };
                hole = at;
            }
        }
        unsafe { (*self.places.add(hole)).0 = K::default() };
        Some(value)
    }

    fn bytes(bits: u32) -> usize {
        size_of::<(K, V)>() << bits
    }

    fn grow(&mut self) -> Result<(), ()> {
        let (places, bits) = (self.places, self.bits);
        let grown_bits = if places.is_null() { BITS_MIN } else { bits + 1 };
        let grown = system::pages(Self::bytes(grown_bits)).cast::<(K, V)>();
        if grown.is_null() {
            return Err(());
        }
        (self.places, self.bits) = (grown, grown_bits);
        if places.is_null() {
            return Ok(());
        }
        for at in 0..1_usize << bits {
            let place = unsafe { *places.add(at) };
            if place.0 != K::default() {
                unsafe { *self.find(place.0) = place };
            }
        }
        unsafe { system::unmap(places.cast(), Self::bytes(bits)) };
        Ok(())
    }

    /// Forgets all, in a forked child: the pages may be in the middle of a change and stay as they are.
    pub fn abandon(&mut self) {
        *self = Self::new();
    }
}
