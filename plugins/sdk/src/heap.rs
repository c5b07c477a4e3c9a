//! The guest's heap: lists of free blocks, one for each size. A collector makes and drops thousands of small texts a call, in a
//! single thread, and lives for one call; the standard allocator of this target spends more on each than reading it costs.
//!
//! Small blocks are cut from chunks and go back to the list of their size. Large ones are the standard allocator's. Memory stays
//! bounded: it never exceeds, by size, the most that was in use at once.

#![allow(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;

/// Sizes are multiples of this, which is also what a block is aligned to.
const STEP: usize = 16;
/// Larger blocks are the standard allocator's.
const MAX_SMALL: usize = 1_024;
const SIZES: usize = MAX_SMALL / STEP;
/// What is asked of the standard allocator at once.
const CHUNK: usize = 64 * 1_024;

/// A free block holds the address of the next one.
struct Free {
    next: *mut Free,
}

struct Lists {
    /// By size, `STEP` first.
    free: [*mut Free; SIZES],
    /// What is left of the chunk.
    at: *mut u8,
    left: usize,
}

/// The allocator.
pub(crate) struct Heap(UnsafeCell<Lists>);

// SAFETY: this target has no threads, and no function here calls back into code that allocates while it holds the lists.
unsafe impl Sync for Heap {}

impl Heap {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(Lists { free: [ptr::null_mut(); SIZES], at: ptr::null_mut(), left: 0 }))
    }
}

const fn is_small(layout: Layout) -> bool {
    layout.size() <= MAX_SMALL && layout.align() <= STEP
}

/// Which list a size belongs to.
const fn list(size: usize) -> usize {
    (size.saturating_sub(1)) / STEP
}

impl Lists {
    /// A block that no list has: from the chunk, or from a new one.
    #[cold]
    unsafe fn cut(&mut self, list: usize) -> *mut u8 {
        let size = (list + 1) * STEP;
        if self.left < size {
            // SAFETY: the layout is not empty; its alignment is a power of two.
            let chunk = unsafe { System.alloc(Layout::from_size_align_unchecked(CHUNK, STEP)) };
            if chunk.is_null() {
                return chunk;
            }
            (self.at, self.left) = (chunk, CHUNK);
        }
        let block = self.at;
        // SAFETY: at least `size` bytes are left of the chunk.
        self.at = unsafe { block.add(size) };
        self.left -= size;
        block
    }
}

// SAFETY: a block is on at most one list, and only while nobody has it; its size and alignment are at least those asked for,
// because the list is found by the same size again.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: no other reference to the lists exists, see `Sync`.
        let lists = unsafe { &mut *self.0.get() };
        let list = list(layout.size());
        let block = lists.free[list];
        if block.is_null() {
            // SAFETY: the list is one of ours.
            return unsafe { lists.cut(list) };
        }
        // SAFETY: a block on a list is free and holds the next one.
        lists.free[list] = unsafe { (*block).next };
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_small(layout) {
            // SAFETY: it was the standard allocator's.
            return unsafe { System.dealloc(block, layout) };
        }
        // SAFETY: no other reference to the lists exists, see `Sync`.
        let lists = unsafe { &mut *self.0.get() };
        let list = list(layout.size());
        let block = block.cast::<Free>();
        // SAFETY: the block has at least `STEP` bytes, is aligned to that, and nobody uses it any more.
        unsafe { (*block).next = lists.free[list] };
        lists.free[list] = block;
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_small(layout), is_small(new)) {
            // SAFETY: it was the standard allocator's and stays so.
            (false, false) => unsafe { System.realloc(block, layout, size) },
            (true, true) if list(layout.size()) == list(size) => block,
            // SAFETY: both blocks have at least the smaller size, and are two.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of all sizes come, grow and go in an order that looks like chance; each must keep what was written into it.
    #[test]
    fn no_two_blocks_overlap_and_contents_move_along() {
        let heap = Heap::new();
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 33).expect("31 bits") % below
        };
        let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let layout = |size: usize, align: usize| Layout::from_size_align(size, align).expect("a layout");
        for round in 0..20_000_usize {
            let mark = u8::try_from(round % 251).expect("below 251");
            let size = 1 + next(if round % 10 == 0 { 5_000 } else { 200 });
            if blocks.len() < 200 {
                let layout = layout(size, 1 << next(6));
                // SAFETY: the layout is not empty.
                let block = unsafe { heap.alloc(layout) };
                assert!(!block.is_null() && block.addr() % layout.align() == 0, "{layout:?}");
                // SAFETY: the block has that size.
                unsafe { block.write_bytes(mark, layout.size()) };
                blocks.push((block, layout, mark));
                continue;
            }
            let at = next(blocks.len());
            let (block, old, mark) = blocks.swap_remove(at);
            // SAFETY: the block has that size and was written.
            let intact = |block: *mut u8, size: usize| {
                unsafe { std::slice::from_raw_parts(block, size) }.iter().all(|b| *b == mark)
            };
            assert!(intact(block, old.size()), "{old:?}");
            if round % 2 == 0 {
                // SAFETY: it came from this heap with this layout.
                unsafe { heap.dealloc(block, old) };
                continue;
            }
            // SAFETY: as above; the new size is not 0.
            let moved = unsafe { heap.realloc(block, old, size) };
            assert!(intact(moved, old.size().min(size)), "{old:?} to {size}");
            // SAFETY: the block has that size.
            unsafe { moved.write_bytes(mark, size) };
            blocks.push((moved, layout(size, old.align()), mark));
        }
    }

    #[test]
    fn what_is_given_back_is_given_out_again() {
        let heap = Heap::new();
        let layout = Layout::from_size_align(40, 8).expect("a layout");
        // SAFETY: the layout is not empty; blocks are given back with the layout they came with.
        unsafe {
            let first = heap.alloc(layout);
            heap.dealloc(first, layout);
            for _ in 0..100_000 {
                let again = heap.alloc(layout);
                assert_eq!(again, first);
                heap.dealloc(again, layout);
            }
        }
    }
}
