//! A sink that keeps every event that is emitted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::{Event, EventKind, EventSink};

/// A sink that keeps every event, for tests to look at.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use session_issuer::{event::{EventKind, EventSink}, testing::RecordingSink};
///
/// let sink = Arc::new(RecordingSink::new());
/// let handed_to_the_issuer: Arc<dyn EventSink> = sink.clone();
/// assert_eq!(sink.count(|kind| matches!(kind, EventKind::Created)), 0);
/// # let _ = handed_to_the_issuer;
/// ```
#[derive(Debug, Default)]
pub struct RecordingSink(Mutex<Vec<Event>>);

impl RecordingSink {
    /// A sink without an event.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events so far, in order.
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    /// The events since the sink was last emptied; empties it.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.lock())
    }

    /// The number of events of this kind.
    pub fn count(&self, is: impl Fn(&EventKind) -> bool) -> usize {
        self.lock().iter().filter(|event| is(&event.kind)).count()
    }

    /// A list of events is whole after every push, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for RecordingSink {
    fn emit(&self, event: &Event) {
        self.lock().push(event.clone());
    }
}
