//! What tests need: a clock that stands still, known randomness, stores that fail, and the suite
//! that proves stores.
//!
//! Behind the feature `testing`. Nothing here is for production.
//!
//! | item | for |
//! | --- | --- |
//! | [`ManualClock`] | time that moves when the test says so |
//! | [`SeededEntropy`] | the same randomness in every run, or none |
//! | [`RecordingSink`] | looking at the events of a call |
//! | [`ComparingStore`] | a store that compares where the memory store locks, as network stores do |
//! | [`FaultyStore`] | lost replies, outages, slow answers, and counting what was asked of a store |
//! | [`fixtures`] | records in any state, without an issuer |
//! | [`store_suite!`], [`DurableStore`] | one test for each promise that a store makes |
//! | [`block_on`] | running a future in a test without a runtime |

mod clock;
mod comparing;
mod durable;
mod entropy;
mod faulty;
pub mod fixtures;
mod sink;
#[doc(hidden)]
pub mod suite;

pub use pollster::block_on;

pub use self::{
    clock::ManualClock,
    comparing::ComparingStore,
    durable::{DurableStore, Tampering},
    entropy::SeededEntropy,
    faulty::{Calls, Fault, FaultyStore, Verb},
    sink::RecordingSink,
};
#[doc(inline)]
pub use crate::store_suite;
