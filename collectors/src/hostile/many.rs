//! Many calls: whatever guests do, again and again, the host has afterwards what it had before.

use std::fs;
use std::time::{Duration, Instant};

use system_log_model::DeadLettered::{CollectorBadOutput, CollectorOutOfMemory, CollectorTimeout, CollectorTrapped};

use super::guest::{Guest, HONEST, MANIFEST};
use super::{collect, failed, good, host, limits, load};

/// Other tests of this process come and go; a leak of one call's memory in a hundred would be ten times as much.
const NOISE_BYTES: usize = 256 * 1024 * 1024;
/// A request of two records, one of them guilty, is three calls.
const REQUESTS: usize = 850;

/// Memory of this process that is really there.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

/// proves: S7
#[tokio::test]
async fn ten_thousand_hostile_calls_leave_the_host_as_it_was() {
    let recursion = "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))";
    // It touches what it gets, so that it would be missed.
    let bomb = "(loop $more (drop (memory.grow (i32.const 256)))
        (memory.fill (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1048576)) (i32.const 7) (i32.const 1048576))
        (br $more))";
    let guests = [
        (Guest { guilty: "unreachable", ..HONEST }, CollectorTrapped),
        (Guest { items: recursion, guilty: "(drop (call $deep))", ..HONEST }, CollectorTrapped),
        (Guest { guilty: bomb, ..HONEST }, CollectorOutOfMemory),
        (
            Guest { guilty: "(i32.store offset=4 (local.get $out) (i32.const 0x7fffffff))", ..HONEST },
            CollectorBadOutput,
        ),
    ];
    for (guest, reason) in guests {
        let host = host(&guest);
        let request = async || {
            let verdicts = collect(&host, "a!").await;
            assert_eq!((&verdicts[0], failed(&verdicts[1]).0), (&good(), reason), "{guest:?}");
        };
        for _ in 0..50 {
            request().await;
        }
        let before = resident();
        for _ in 0..REQUESTS {
            request().await;
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < NOISE_BYTES, "{grown} bytes more after {guest:?}");
        assert_eq!(collect(&host, "a").await, [good()], "the next request");
    }
}

/// proves: S7
#[tokio::test]
async fn a_loop_is_cut_soon_after_its_deadline() {
    let manifest = format!("{MANIFEST}[limits]\ncall_ms = 20");
    let host = load(Guest { guilty: "(loop $ever (br $ever))", ..HONEST }.with(&manifest), limits()).unwrap();
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        assert_eq!(failed(&collect(&host, "!").await[0]).0, CollectorTimeout);
        best = best.min(begun.elapsed());
    }
    // 20 ms, once more with 40 ms, and each cut at most 50 ms late; the best of five, for other tests keep the machine busy.
    assert!(best < Duration::from_millis(20 + 50 + 40 + 50), "{best:?}");
}
