//! How one operation is timed, and two in turns.

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use crate::counting::allocations;

/// Runs a future that has nothing to wait for, but perhaps another thread's lock.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::yield_now(),
        }
    }
}

/// An operation. Its inputs are made before the clock starts; what it gives back is dropped while
/// the clock runs.
pub struct Operation<'a>(Box<Run<'a>>);

/// Runs so many times, and says how long that took, or what one run allocated.
type Run<'a> = dyn FnMut(usize, &mut dyn FnMut(u64)) -> Duration + 'a;

impl<'a> Operation<'a> {
    pub fn new<I, O>(mut input: impl FnMut() -> I + 'a, mut act: impl FnMut(I) -> O + 'a) -> Self {
        Self(Box::new(move |times, count| {
            let inputs: Vec<I> = (0..times).map(|_| input()).collect();
            if times == 1 {
                for input in inputs {
                    let before = allocations();
                    black_box(act(black_box(input)));
                    count(allocations() - before);
                }
                return Duration::ZERO;
            }
            let started = Instant::now();
            for input in inputs {
                black_box(act(black_box(input)));
            }
            started.elapsed()
        }))
    }

    /// An operation that needs nothing made beforehand.
    pub fn of<O>(mut act: impl FnMut() -> O + 'a) -> Self {
        Self::new(|| (), move |()| act())
    }

    /// How long so many take.
    pub fn time(&mut self, times: usize) -> Duration {
        (self.0)(times.max(2), &mut |_| {})
    }

    /// How many allocations one makes, as a rule: a table that grows now and then does not count.
    pub fn allocations(&mut self) -> u64 {
        let mut counts = Vec::new();
        for _ in 0..101 {
            (self.0)(1, &mut |count| counts.push(count));
        }
        counts.sort_unstable();
        counts[counts.len() / 2]
    }
}

/// Nanoseconds of each, and how many times faster the first is than each of the others.
pub struct Compared {
    pub nanos: Vec<f64>,
    pub ratios: Vec<f64>,
}

/// Times operations in turns: medians over the rounds, and medians of the ratios within one round.
pub fn compare<'a>(rounds: usize, times: usize, operations: &mut [&mut Operation<'a>]) -> Compared {
    let mut all = vec![Vec::with_capacity(rounds); operations.len()];
    for operation in &mut *operations {
        operation.time(times);
    }
    for round in 0..rounds {
        // Every other round goes the other way, so that none always follows the same one.
        let count = operations.len();
        for step in 0..count {
            let at = if round % 2 == 0 { step } else { count - 1 - step };
            let took = operations[at].time(times);
            all[at].push(took.as_nanos() as f64 / times as f64);
        }
    }
    let ratios = all[1..].iter().map(|other| {
        median(other.iter().zip(&all[0]).map(|(other, first)| other / first).collect())
    });
    let ratios = ratios.collect();
    Compared { nanos: all.into_iter().map(median).collect(), ratios }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Operations a second, of one thread and of two at once: the median over the rounds of the second
/// through the first.
pub fn scaling<F: FnMut() + Send>(rounds: usize, times: usize, mut workers: [F; 2]) -> f64 {
    let run = |worker: &mut F| {
        let started = Instant::now();
        for _ in 0..times {
            worker();
        }
        times as f64 / started.elapsed().as_secs_f64()
    };
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let alone = run(&mut workers[round % 2]);
        let started = Instant::now();
        thread::scope(|scope| {
            for worker in &mut workers {
                scope.spawn(move || run(worker));
            }
        });
        let together = 2.0 * times as f64 / started.elapsed().as_secs_f64();
        ratios.push(together / alone);
    }
    median(ratios)
}
