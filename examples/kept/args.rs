//! The one option of an example that tells a story: `--file PATH`.

use std::{ffi::OsString, path::PathBuf};

/// Where sessions are to be kept, when it is said. Whatever else is said ends the program with the
/// usage.
pub(crate) fn file(example: &str) -> Option<PathBuf> {
    let given: Vec<OsString> = std::env::args_os().skip(1).collect();
    match given.as_slice() {
        [] => None,
        [option, path] if option == "--file" => Some(path.into()),
        _ => {
            eprintln!("usage: {example} [--file PATH]");
            std::process::exit(2)
        }
    }
}
