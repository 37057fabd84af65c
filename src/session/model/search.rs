//! The engine: every state that a world can reach in so many steps, each looked at once.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Debug,
    hash::Hash,
};

/// A world in which things happen one step at a time.
pub(super) trait World: Clone {
    type Step: Copy + Debug;
    /// What tells one state from another. States with equal keys must have equal futures.
    type Key: Hash + Eq;

    fn key(&self) -> Self::Key;
    /// Everything that may happen next.
    fn steps(&self) -> Vec<Self::Step>;
    /// Lets it happen; tells when that broke a promise.
    fn take(&mut self, step: Self::Step) -> Result<(), Broken>;
}

/// A promise that did not hold.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) promise: &'static str,
    pub(super) how: String,
}

/// Says that a promise is broken unless `holds`.
pub(super) fn promise(
    promise: &'static str,
    holds: bool,
    how: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { promise, how: how() }) }
}

/// What a search found.
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// The depth at which no new state was found; none when the search ended before.
    pub(super) exhausted: Option<usize>,
    /// For each broken promise the shortest way to break it.
    broken: BTreeMap<&'static str, String>,
}

impl Explored {
    /// Fails with the shortest counterexample to any promise.
    pub(super) fn holds(self, at_least: usize) -> Self {
        let ways: Vec<_> = self.broken.values().map(String::as_str).collect();
        assert!(ways.is_empty(), "{}", ways.join("\n"));
        assert!(self.states >= at_least, "only {} states", self.states);
        self
    }

    pub(super) fn breaks(&self, promise: &'static str) -> bool {
        self.broken.contains_key(promise)
    }

    /// Fails with the shortest counterexample to this promise.
    pub(super) fn keeps(&self, promise: &'static str) {
        if let Some(way) = self.broken.get(promise) {
            panic!("{way}");
        }
    }
}

/// Looks at every state within `depth` steps, nearest first. A way that broke a promise is not
/// followed further.
pub(super) fn search<W: World>(
    name: &str,
    roots: impl IntoIterator<Item = W>,
    depth: usize,
) -> Explored {
    let mut known = HashSet::new();
    // For each state the one it was reached from, and how: to describe the way to a broken promise.
    let mut ways: Vec<Option<(usize, W::Step)>> = Vec::new();
    let mut frontier = Vec::new();
    for root in roots {
        if known.insert(root.key()) {
            frontier.push((ways.len(), root));
            ways.push(None);
        }
    }
    let mut explored = Explored { states: 0, steps: 0, exhausted: None, broken: BTreeMap::new() };
    for at in 1..=depth {
        let mut next = Vec::new();
        for (from, world) in &frontier {
            for step in world.steps() {
                let mut after = world.clone();
                explored.steps += 1;
                match after.take(step) {
                    Err(broken) => {
                        let way = || describe(&ways, *from, step, &broken);
                        explored.broken.entry(broken.promise).or_insert_with(way);
                    }
                    Ok(()) if known.insert(after.key()) => {
                        next.push((ways.len(), after));
                        ways.push(Some((*from, step)));
                    }
                    Ok(()) => {}
                }
            }
        }
        frontier = next;
        if frontier.is_empty() {
            explored.exhausted = Some(at);
            break;
        }
    }
    explored.states = known.len();
    let Explored { states, steps, exhausted, .. } = explored;
    let reach =
        exhausted.map_or(format!("to depth {depth}"), |at| format!("all there are, depth {at}"));
    println!("{name}: {states} states, {steps} steps, {reach}");
    explored
}

fn describe<S: Debug>(
    ways: &[Option<(usize, S)>],
    from: usize,
    last: S,
    broken: &Broken,
) -> String {
    let mut steps = vec![format!("{last:?}")];
    let mut at = from;
    while let Some((before, step)) = &ways[at] {
        steps.push(format!("{step:?}"));
        at = *before;
    }
    steps.reverse();
    format!("{}: {} after {}", broken.promise, broken.how, steps.join(", "))
}

/// Takes `walks` ways of `length` random steps each.
pub(super) fn walk<W: World>(root: &W, walks: usize, length: usize, seed: u64) {
    let mut dice = Dice(seed);
    for _ in 0..walks {
        let mut world = root.clone();
        let mut steps = Vec::new();
        for _ in 0..length {
            let open = world.steps();
            if open.is_empty() {
                break;
            }
            let step = open[dice.below(open.len())];
            steps.push(step);
            if let Err(Broken { promise, how }) = world.take(step) {
                panic!("{promise}: {how} after {steps:?}");
            }
        }
    }
}

/// Random numbers that are the same in every run (xorshift).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}
