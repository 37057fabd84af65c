//! What may be opened, and what is refused and stays as it is.

use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use session_issuer::{
    session::Life,
    store::{OpenError, SqliteStore},
};

use super::{House, life_of, login};

#[test]
fn many_may_open_a_new_file_at_once() {
    for _ in 0..50 {
        let house = House::new();
        let stores: Vec<_> = std::thread::scope(|scope| {
            let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| house.open())).collect();
            opened.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let key = login(&stores[0], "alice");
        assert!(stores.iter().all(|store| life_of(store, &key) == Life::Live));
    }
}

#[test]
fn what_is_no_file_of_ours_is_refused_and_stays_as_it_is() {
    let house = House::new();
    let folder = house.folder.path();
    let foreign = folder.join("foreign.db");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .unwrap();
    let claimed = folder.join("claimed.db");
    let batch = "PRAGMA application_id = 7; CREATE TABLE t (x)";
    Connection::open(&claimed).unwrap().execute_batch(batch).unwrap();
    let text = house.put("text", "not a database ".repeat(100).as_bytes());
    let short = house.put("short", b"hi");
    type Expected = fn(&OpenError) -> bool;
    let refused: Vec<(PathBuf, Expected)> = vec![
        ("".into(), |error| matches!(error, OpenError::InvalidPath)),
        (folder.join("a\0b"), |error| matches!(error, OpenError::InvalidPath)),
        (folder.to_owned(), |error| matches!(error, OpenError::NotAFile)),
        (folder.join("nowhere/sessions.db"), |error| matches!(error, OpenError::MissingDirectory)),
        (text.join("sessions.db"), |error| matches!(error, OpenError::MissingDirectory)),
        (text.clone(), |error| matches!(error, OpenError::NotADatabase)),
        (short.clone(), |error| matches!(error, OpenError::NotADatabase)),
        (foreign.clone(), |error| matches!(error, OpenError::OtherProgram)),
        (claimed.clone(), |error| matches!(error, OpenError::OtherProgram)),
    ];
    let files = [&foreign, &claimed, &text, &short];
    let before = files.map(|file| fs::read(file).unwrap());
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let listed = names(folder);
    for (path, expected) in refused {
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(expected(&error), "{path:?}: {error:?}");
    }
    assert!(files.map(|file| fs::read(file).unwrap()) == before);
    assert_eq!(names(folder), listed, "and nothing was left beside them");
}

#[cfg(unix)]
#[test]
fn links_and_devices_are_looked_at_before_anything_is_opened() {
    let house = House::new();
    let link = |to: &str, name: &str| {
        let link = house.folder.path().join(name);
        std::os::unix::fs::symlink(to, &link).unwrap();
        link
    };
    assert!(matches!(SqliteStore::open("/dev/null").unwrap_err(), OpenError::NotAFile));
    let (here, there) = (link("there", "here"), link("here", "there"));
    for around in [here, there] {
        let error = SqliteStore::open(around).unwrap_err();
        assert!(matches!(error, OpenError::Failed(_)) && error.source().is_some(), "{error:?}");
    }
    let dangling = link("nowhere", "dangling");
    assert!(matches!(SqliteStore::open(dangling).unwrap_err(), OpenError::Failed(_)));
    let key = login(&house.open(), "alice");
    let linked = SqliteStore::open(link("sessions.db", "linked")).unwrap();
    assert_eq!(life_of(&linked, &key), Life::Live, "a link to a store is one");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let store = house.open();
    login(&store, "alice");
    for name in ["sessions.db", "sessions.db-wal", "sessions.db-shm"] {
        let mode = fs::metadata(house.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Whether no permission keeps this user from writing: root opens what others are refused.
///
/// What root is refused stands in `tests/crash/trouble.rs`, on a disk that takes no writes.
#[cfg(unix)]
fn may_write_everything() -> bool {
    use std::os::unix::fs::PermissionsExt;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o400)).unwrap();
    match fs::OpenOptions::new().write(true).open(file.path()) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            false
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let key = login(&house.open(), "alice");
    fs::set_permissions(&house.file, fs::Permissions::from_mode(0o400)).unwrap();
    let opened = SqliteStore::open(&house.file);
    match may_write_everything() {
        true => assert_eq!(life_of(&opened.unwrap(), &key), Life::Live),
        false => assert!(matches!(opened.unwrap_err(), OpenError::ReadOnly)),
    }
}

#[cfg(unix)]
#[test]
fn a_store_in_a_directory_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let key = login(&house.open(), "alice");
    let mode =
        |mode| fs::set_permissions(house.folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    for write_ahead in [true, false] {
        let opened = SqliteStore::open(&house.file);
        mode(0o700);
        match may_write_everything() {
            true => assert_eq!(life_of(&opened.unwrap(), &key), Life::Live),
            false => assert!(matches!(opened.unwrap_err(), OpenError::ReadOnly), "{write_ahead}"),
        }
        assert_eq!(
            fs::read_dir(house.folder.path()).unwrap().count(),
            1,
            "and nothing was left beside it"
        );
        // As a copy made by `VACUUM INTO` is.
        house.operator().execute_batch("PRAGMA journal_mode = DELETE").unwrap();
        mode(0o500);
    }
    mode(0o700);
}

#[test]
fn names_that_mean_something_to_sqlite_are_names_of_files() {
    let house = House::new();
    for name in [":memory:", "file:x?mode=memory", "it's \"a\" name; --.db", "%00", "a?b#c"] {
        let path = house.folder.path().join(name);
        let key = login(&SqliteStore::open(&path).unwrap(), "alice");
        assert!(path.is_file(), "{name}");
        assert_eq!(life_of(&SqliteStore::open(&path).unwrap(), &key), Life::Live, "{name}");
    }
}

#[test]
fn a_file_of_a_later_release_or_without_all_of_its_tables_is_refused() {
    let house = House::new();
    drop(house.open());
    house.operator().execute_batch("PRAGMA user_version = 2").unwrap();
    let error = SqliteStore::open(&house.file).unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 2, known: 1 }), "{error:?}");
    house.operator().execute_batch("PRAGMA user_version = -1").unwrap();
    assert!(matches!(SqliteStore::open(&house.file).unwrap_err(), OpenError::DamagedSchema));
    house.operator().execute_batch("PRAGMA user_version = 0").unwrap();
    assert!(matches!(SqliteStore::open(&house.file).unwrap_err(), OpenError::DamagedSchema));
    house
        .operator()
        .execute_batch("PRAGMA user_version = 1; DROP INDEX records_by_device_slot")
        .unwrap();
    assert!(matches!(SqliteStore::open(&house.file).unwrap_err(), OpenError::DamagedSchema));
    let index = "CREATE INDEX records_by_device_slot ON records (device_slot)";
    house.operator().execute_batch(index).unwrap();
    let error = SqliteStore::open(&house.file).unwrap_err();
    assert!(
        matches!(error, OpenError::DamagedSchema),
        "an index of the same name is not the same: {error:?}"
    );
}
