//! A bare map of as many entries: what the machine's caches leave over.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use crate::{Random, measure::Operation, subject};

pub struct Bare {
    map: HashMap<Uuid, Arc<[u8; 256]>>,
    keys: Vec<Uuid>,
}

impl Bare {
    pub fn new(entries: u64) -> Self {
        let mut keys: Vec<_> = (0..entries).map(subject).collect();
        let map = keys.iter().map(|key| (*key, Arc::new([1; 256]))).collect();
        let mut random = Random(entries + 1);
        for at in (1..keys.len()).rev() {
            keys.swap(at, random.below(at + 1));
        }
        Self { map, keys }
    }

    pub fn get(&mut self) -> Operation<'_> {
        let Self { map, keys } = self;
        let mut at = 0;
        Operation::of(move || {
            at = (at + 1) % keys.len();
            Arc::clone(&map[&keys[at]])
        })
    }
}
