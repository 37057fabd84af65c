//! What may be opened, and how it is made or brought up to date.

use std::{
    fs::{self, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{
    OpenError, SqliteOptions,
    connect::{Readers, connect},
    error::is_busy,
    file_identity::FileIdentity,
};

/// What each version of the tables adds to the one before. A file says in `user_version` how many
/// of them it has, and keeps their text: once released, no word of one changes, and no comment in
/// it.
const VERSIONS: &[&str] = &[include_str!("schema/1.sql")];

/// `application_id` of every file of ours: "sess".
const APPLICATION: i64 = 0x7365_7373;

/// How often the mode of the file is asked for while others open it too.
const ATTEMPTS: u32 = 100;

pub(super) fn open(
    path: &Path,
    options: SqliteOptions,
) -> Result<(Connection, Readers), OpenError> {
    let file = claim(path)?;
    look(&file, &options)?;
    let identity = FileIdentity::new(file)?;
    let mut connection = connect(identity.path(), &options)?;
    identity.still_there().map_err(|moved| OpenError::Failed(moved.into()))?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(OpenError::ReadOnly);
    }
    migrate(&mut connection, VERSIONS)?;
    write_ahead(&mut connection)?;
    connection.pragma_update(None, "cache_size", -8 * i64::from(options.cache_kib))?;
    Ok((connection, Readers::new(identity, options)))
}

/// Finds the file, or makes an empty one.
///
/// A file that may be open in this process is never opened but by SQLite: closing it would drop the
/// locks that SQLite has on it (POSIX, `fcntl`).
fn claim(path: &Path) -> Result<PathBuf, OpenError> {
    if path.as_os_str().is_empty() || path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(OpenError::InvalidPath);
    }
    // Absolute, so that no name is one of SQLite's own: `:memory:` is a file of that name.
    let path = std::path::absolute(path)?;
    match fs::metadata(&path) {
        Ok(found) if !found.is_file() => return Err(OpenError::NotAFile),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path)?,
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(OpenError::MissingDirectory);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(path)
}

/// Makes an empty file that its owner alone may read: SQLite gives the files beside it the same
/// mode. It is closed before it gets its name, so that nobody can have it open.
fn make(path: &Path) -> Result<(), OpenError> {
    if !path.parent().is_some_and(Path::is_dir) {
        return Err(OpenError::MissingDirectory);
    }
    let unnamed = unnamed(path);
    create(&unnamed)?;
    let named = fs::hard_link(&unnamed, path);
    fs::remove_file(&unnamed)?;
    match named {
        Ok(()) => Ok(()),
        // Another process was faster, or a link leads nowhere; then there is still no file.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match path.is_file() {
            true => Ok(()),
            false => Err(error.into()),
        },
        // A file system without links.
        Err(_) => Ok(create(path)?),
    }
}

/// Fails where no file can be made beside this one.
fn room_beside(path: &Path) -> io::Result<()> {
    let unnamed = unnamed(path);
    create(&unnamed)?;
    fs::remove_file(&unnamed)
}

/// A name beside this one that nobody has.
fn unnamed(path: &Path) -> PathBuf {
    with_suffix(path, &format!(".{:016x}", RandomState::new().hash_one("new")))
}

fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Looks at a file without changing a byte of it.
fn look(file: &Path, options: &SqliteOptions) -> Result<(), OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    // As of one moment: another process may be making its tables.
    let moment = connection.unchecked_transaction()?;
    match whose(&moment) {
        // A process died while it wrote. What it began is taken back first, and for that it must be
        // opened to write.
        Err(OpenError::ReadOnly) => Ok(()),
        // What cannot be opened may be the files beside it, where none can be made.
        Err(OpenError::Failed(source)) => {
            Err(room_beside(file).err().map_or(OpenError::Failed(source), Into::into))
        }
        found => found.map(drop),
    }
}

/// The version of its tables, where it is ours or empty.
fn whose(connection: &Connection) -> Result<i64, OpenError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let objects = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    match (application, version, objects) {
        (APPLICATION, 0, 1..) => Err(OpenError::DamagedSchema),
        (APPLICATION, ..) | (0, 0, 0) => Ok(version),
        _ => Err(OpenError::OtherProgram),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Brings the tables to the last version, all at once or not at all. Who comes second finds it
/// done.
fn migrate(connection: &mut Connection, versions: &[&str]) -> Result<(), OpenError> {
    let known = i64::try_from(versions.len()).unwrap_or(i64::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let found = whose(&transaction)?;
    if found > known {
        return Err(OpenError::NewerSchema { found, known });
    }
    let done = usize::try_from(found).map_err(|_| OpenError::DamagedSchema)?;
    for version in versions.iter().skip(done) {
        transaction.execute_batch(version)?;
    }
    if !is_whole(&transaction, versions)? {
        return Err(OpenError::DamagedSchema);
    }
    if found < known {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", known)?;
    }
    Ok(transaction.commit()?)
}

/// True when every table, index and view is there that the versions make.
fn is_whole(connection: &Connection, versions: &[&str]) -> rusqlite::Result<bool> {
    let ours = Connection::open_in_memory()?;
    for version in versions {
        ours.execute_batch(version)?;
    }
    let objects = |connection: &Connection| {
        let mut statement =
            connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2")?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let found = objects(connection)?;
    Ok(objects(&ours)?.iter().all(|object| found.contains(object)))
}

/// Switches to the write-ahead log. SQLite does not wait where others are just opening the file, so
/// wait for them.
fn write_ahead(connection: &mut Connection) -> Result<(), OpenError> {
    for _ in 0..ATTEMPTS {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => {
                // What the log grew to in a bad hour is given back.
                return Ok(connection.pragma_update(
                    None,
                    "journal_size_limit",
                    16 * 1024 * 1024,
                )?);
            }
            Ok(_) => return Err(OpenError::NoWriteAheadLog),
            Err(error) if is_busy(&error) => {
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?.commit()?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(OpenError::Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(connection: &Connection) -> Vec<String> {
        let mut statement =
            connection.prepare("SELECT name FROM sqlite_schema ORDER BY 1").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn an_older_file_gets_what_it_lacks_and_keeps_what_it_has() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        connection.execute("INSERT INTO a VALUES (7)", []).unwrap();
        let versions = ["CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b SELECT x FROM a"];
        migrate(&mut connection, &versions).unwrap();
        assert_eq!(tables(&connection), ["a", "b"]);
        assert_eq!(
            connection.query_row("SELECT x FROM b", [], |row| row.get::<_, i64>(0)).unwrap(),
            7
        );
        let newer = migrate(&mut connection, &versions[..1]).unwrap_err();
        assert!(matches!(newer, OpenError::NewerSchema { found: 2, known: 1 }));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        let broken = ["CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)"];
        let error = migrate(&mut connection, &broken).unwrap_err();
        assert!(
            matches!(&error, OpenError::Failed(cause) if cause.to_string().contains("nowhere")),
            "{error:?}"
        );
        assert_eq!(tables(&connection), ["a"]);
        migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
    }
}
