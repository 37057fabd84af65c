//! tower-sessions: its session over its memory store, as its middleware would use them.

use std::sync::Arc;

use tower_sessions::{MemoryStore, Session, session::Id};
use uuid::Uuid;

use crate::{
    Random,
    measure::{Operation, now},
    subject,
};

const KEY: &str = "user";

pub struct Peer {
    store: Arc<MemoryStore>,
    ids: Vec<Id>,
    sessions: u64,
}

impl Peer {
    pub fn new(sessions: u64) -> Self {
        let store = Arc::new(MemoryStore::default());
        let mut ids: Vec<_> = (0..sessions).map(|number| create(&store, subject(number))).collect();
        let mut random = Random(sessions + 1);
        for at in (1..ids.len()).rev() {
            ids.swap(at, random.below(at + 1));
        }
        Self { store, ids, sessions }
    }

    /// Loads a session and reads its subject.
    pub fn load(&mut self) -> Operation<'_> {
        let Self { store, ids, .. } = self;
        let mut at = 0;
        Operation::of(move || {
            at = (at + 1) % ids.len();
            let session = Session::new(Some(ids[at]), Arc::clone(store), None);
            now(session.get::<Uuid>(KEY)).unwrap().unwrap()
        })
    }

    /// Gives sessions another id, round and round.
    pub fn cycle(&mut self, pool: u64) -> Operation<'_> {
        let store = &self.store;
        let mut pool: Vec<_> = (0..pool).map(|number| create(store, subject(number))).collect();
        let mut at = 0;
        Operation::of(move || {
            at = (at + 1) % pool.len();
            let session = Session::new(Some(pool[at]), Arc::clone(store), None);
            now(session.cycle_id()).unwrap();
            now(session.save()).unwrap();
            pool[at] = session.id().unwrap();
        })
    }

    pub fn create(&mut self) -> Operation<'_> {
        let Self { store, sessions, .. } = self;
        let input = move || {
            *sessions += 1;
            subject(*sessions)
        };
        Operation::new(input, move |subject| create(store, subject))
    }
}

fn create(store: &Arc<MemoryStore>, subject: Uuid) -> Id {
    let session = Session::new(None, Arc::clone(store), None);
    now(session.insert(KEY, subject)).unwrap();
    now(session.save()).unwrap();
    session.id().unwrap()
}
