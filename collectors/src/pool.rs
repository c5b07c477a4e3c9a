//! The threads that run plugins, and the queue before them. Never tokio's: a plugin may burn its whole deadline.
//!
//! The queue is bounded in requests and in bytes (S10). It knows nothing of plugins.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{io, thread};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::RwLock;

use crate::host::CollectError;
use crate::limits;

/// Work for a thread; it is told whether the pool is stopping.
type Job = Box<dyn FnOnce(&AtomicBool) + Send>;

/// A pool. Dropping it ends the threads when their present call is over.
pub(crate) struct Pool {
    sender: RwLock<Option<Sender<(Job, Weight)>>>,
    stopping: Arc<AtomicBool>,
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

/// Bytes that a job holds, given back when it is done or dropped.
struct Weight {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn start(threads: usize, queue_requests: usize, max_bytes: usize) -> io::Result<Self> {
        let (sender, receiver) = bounded(queue_requests.max(1));
        let stopping = Arc::new(AtomicBool::new(false));
        for number in 0..threads.clamp(1, limits::MAX_THREADS) {
            let (receiver, stopping) = (receiver.clone(), stopping.clone());
            thread::Builder::new()
                .name(format!("collector-{number}"))
                .stack_size(limits::WORKER_STACK_BYTES)
                .spawn(move || work(&receiver, &stopping))?;
        }
        Ok(Self { sender: RwLock::new(Some(sender)), stopping, bytes: Arc::default(), max_bytes })
    }

    /// Queues a job that holds so many bytes, or refuses it at once.
    pub(crate) fn submit(&self, bytes: usize, job: Job) -> Result<(), CollectError> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let weight = Weight { bytes, total: self.bytes.clone() };
        // A request larger than the whole allowance is let in when it is alone: the service has bounded it before.
        if before > 0 && before + bytes > self.max_bytes {
            return Err(CollectError::Overloaded);
        }
        match self.sender.read().as_ref().map(|sender| sender.try_send((job, weight))) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => Err(CollectError::Overloaded),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(CollectError::Stopped),
        }
    }

    /// Takes no more, drops what waits, and lets each thread end after its present call.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.sender.write().take();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(jobs: &Receiver<(Job, Weight)>, stopping: &AtomicBool) {
    for (job, _weight) in jobs {
        if stopping.load(Ordering::Relaxed) {
            continue; // dropped: whoever waits for the answer learns that there is none
        }
        if catch_unwind(AssertUnwindSafe(|| job(stopping))).is_err() {
            tracing::error!("the host panicked over a collector's answer; the request has no result");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// proves: S10
    #[test]
    fn a_full_queue_refuses_and_an_emptied_one_accepts() {
        let pool = Pool::start(1, 1, 1_000).unwrap();
        let (started, wait_started) = mpsc::channel();
        let (release, wait_release) = mpsc::channel::<()>();
        let blocker = move |_: &AtomicBool| {
            started.send(()).unwrap();
            wait_release.recv().unwrap();
        };
        pool.submit(1, Box::new(blocker)).unwrap();
        wait_started.recv().unwrap();
        let (done, wait_done) = mpsc::channel();
        pool.submit(1, Box::new(move |_| done.send(()).unwrap())).unwrap();
        assert_eq!(pool.submit(1, Box::new(|_| ())), Err(CollectError::Overloaded), "one runs, one waits");
        release.send(()).unwrap();
        wait_done.recv().unwrap();
        assert_eq!(pool.submit(1, Box::new(|_| ())), Ok(()));
    }

    /// proves: S10
    #[test]
    fn waiting_bytes_are_bounded_too() {
        let pool = Pool::start(1, 100, 1_000).unwrap();
        let (release, wait_release) = mpsc::channel::<()>();
        pool.submit(900, Box::new(move |_| wait_release.recv().unwrap())).unwrap();
        assert_eq!(pool.submit(101, Box::new(|_| ())), Err(CollectError::Overloaded));
        assert_eq!(pool.submit(100, Box::new(|_| ())), Ok(()));
        release.send(()).unwrap();
    }

    #[test]
    fn a_panicking_job_costs_no_thread() {
        let pool = Pool::start(1, 10, 1_000).unwrap();
        let (done, wait_done) = mpsc::channel();
        pool.submit(1, Box::new(|_| panic!("test"))).unwrap();
        pool.submit(1, Box::new(move |_| done.send(()).unwrap())).unwrap();
        wait_done.recv().unwrap();
    }

    #[test]
    fn a_stopped_pool_takes_nothing() {
        let pool = Pool::start(1, 1, 1_000).unwrap();
        pool.stop();
        assert_eq!(pool.submit(1, Box::new(|_| ())), Err(CollectError::Stopped));
    }
}
