//! Hostile tokens: a table that is checked in, made by fixed keys and a fixed clock, and run
//! through every door.
//!
//! | file | what |
//! | --- | --- |
//! | `row` | a row, how it is written and how the table is read |
//! | `make` | fixed keys, and tokens that are right but for one thing |
//! | `alg`, `header`, `form`, `signature`, `curves`, `rsa`, `claims`, `times`, `kinds`, `opaque` | the rows, by class |
//! | `doors` | issuers and verifiers, and what each door must answer |
//! | `run` | the tests |
//!
//! `WRITE_HOSTILE=1 cargo test --all-features --test it hostile` writes the table anew.

mod alg;
mod claims;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod curves;
mod doors;
mod form;
mod header;
mod kinds;
mod make;
mod opaque;
mod row;
#[cfg(feature = "aws-lc-rs")]
mod rsa;
mod run;
mod signature;
mod times;

use row::Row;

/// Every row that this build can make.
fn generate() -> Vec<Row> {
    let mut rows = Vec::new();
    alg::rows(&mut rows);
    header::rows(&mut rows);
    form::rows(&mut rows);
    signature::rows(&mut rows);
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    curves::rows(&mut rows);
    #[cfg(feature = "aws-lc-rs")]
    rsa::rows(&mut rows);
    claims::rows(&mut rows);
    times::rows(&mut rows);
    opaque::rows(&mut rows);
    kinds::rows(&mut rows);
    rows
}
