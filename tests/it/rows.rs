//! The stored form of a record: rows of each release are kept, and every later one must read them.
//!
//! `WRITE_ROWS=1 cargo test --all-features --test it rows` writes the rows of this release anew.
//! Rows of a version that was released are never written again: a new form is a new version, with a
//! folder of its own.

use std::{error::Error as _, fs, path::PathBuf, time::Duration};

use serde_json::{Map, Value, json};
use session_issuer::{
    Timestamp,
    actor::{Actor, ActorChain},
    client::ClientInfo,
    factor::{Challenge, FactorDetails, FactorKind},
    id::{AppId, CreatorId, DeviceId, SessionId, SubjectId, TenantId},
    metadata::{HostClaims, Metadata},
    policy::Spend,
    session::{
        Columns, CredentialsKind, Epoch, FactorFloor, MAX_ROW_BYTES, Record, RevokeReason,
        SubjectStamp, Tombstone, Use,
    },
    store::{
        Noted, Snapshot, StoreError, StoreErrorKind,
        act::{self, Facts, Row, Write},
    },
    testing::fixtures::{self, SessionBuilder},
};

const BORN: Timestamp = Timestamp::from_secs(1_800_000_000);
const EPOCH: Epoch = Epoch::from_number(1_799_999_999_999);

fn at(secs: u64) -> Timestamp {
    BORN.saturating_add(Duration::from_secs(secs))
}

fn id(number: u8) -> SessionId {
    format!("01a3185c-5c00-7000-8000-0000000000{number:02x}").parse().unwrap()
}

fn subject(name: &str) -> SubjectId {
    SubjectId::new(name).unwrap()
}

fn session(number: u8) -> SessionBuilder {
    fixtures::session().id(id(number)).at(BORN)
}

fn of_alice(number: u8) -> SessionBuilder {
    session(number)
        .subject(subject("alice"), EPOCH)
        .factors(&[FactorKind::Subject, FactorKind::Password])
}

fn request(number: u8) -> Record {
    fixtures::request(AppId::new("tv").unwrap()).id(id(number)).at(BORN).build()
}

/// The record as a store writes it once its use was noted.
fn used(record: Record, used: &Use) -> Record {
    let stamp = record.bound().map(|(_, epoch)| SubjectStamp::new(epoch, None, None, []));
    let seen = Snapshot::new(record.into(), stamp);
    let plan = act::note_use(used, Facts::assumed_by_note_use(&seen));
    assert_eq!(plan.answer.unwrap(), Noted::Done);
    let noted = plan.writes.into_iter().find_map(|write| match write {
        Write::NoteUse { next } => Some(next),
        _ => None,
    });
    Record::clone(&noted.unwrap())
}

fn spent(record: Record, spends: Vec<Spend>) -> Record {
    used(record, &Use::new(BORN).spending(spends))
}

fn seen(record: Record, secs: u64) -> Record {
    let generation = record.generation();
    used(record, &Use::new(at(secs)).seen().of_generation(generation))
}

/// The record as a store writes it once it was ended.
fn ended(record: Record, tombstone: &Tombstone) -> Record {
    let key = record.key();
    let facts = Facts { current: Row::Record(Snapshot::new(record.into(), None)), ..Facts::held() };
    let written =
        act::end(&key, tombstone, facts).writes.into_iter().find_map(|write| match write {
            Write::End { record, .. } => record,
            _ => None,
        });
    Record::clone(&written.unwrap())
}

fn impersonation(number: u8) -> SessionBuilder {
    let support = Actor::new(subject("support")).with_session(id(200));
    let root = Actor::new(subject("root")).with_epoch(EPOCH);
    let chain = ActorChain::of([support, root], "ticket 4711");
    of_alice(number).actors(chain.unwrap()).lifetime(Some(Duration::from_secs(3600))).idle(None)
}

/// Every part that a session can have, as far as one session can have them all.
fn everything() -> Record {
    let client = ClientInfo::new()
        .with_user_agent("Mozilla/5.0 (X11; Linux x86_64)")
        .with_ip("2001:db8::1".parse().unwrap())
        .with_fingerprint("print")
        .with_description("Anna's \"laptop\"")
        .with_header("accept", ["text/html", ""])
        .with_header("x-empty", []);
    let claims = HostClaims::of([
        ("role", json!("admin")),
        ("deep", json!({"a": [null, true, -1, 1.5, "x", {"b": []}]})),
    ]);
    let metadata = Metadata::of([("bytes", [0, 255, 128].as_slice()), ("text", b"a\0\"\\\n")]);
    let born = impersonation(30)
        .tenant(TenantId::new("org-7").unwrap())
        .client(client)
        .device(DeviceId::new("phone").unwrap())
        .creator(CreatorId::new("service").unwrap())
        .metadata(metadata.unwrap())
        .claims(claims.unwrap())
        .resource_owner("org")
        .idle(Some(Duration::from_secs(600)))
        .keep(Duration::from_secs(7200))
        .build();
    let challenge = Challenge::new(FactorKind::WebAuthn, "state", at(300)).unwrap();
    let open = fixtures::challenged(&born, challenge, at(1)).unwrap();
    let proved = fixtures::proved(&open, FactorKind::Totp, at(2)).unwrap();
    let rotated = fixtures::rotated(&proved, at(3)).unwrap();
    let late = fixtures::replayed(&rotated, at(60)).unwrap();
    let counted =
        spent(late, vec![Spend::one("posts", 9), Spend::one("exports", 9).with_amount(4)]);
    let by = Some(subject("boss"));
    ended(counted, &Tombstone::new(RevokeReason::Admin, at(61)).by(by))
}

/// Every state and every part, by the name of its file.
fn records() -> Vec<(String, Record)> {
    let mut all = vec![
        ("request-open", request(1)),
        (
            "request-approved",
            fixtures::approved(&request(2), subject("alice"), EPOCH, at(5)).unwrap(),
        ),
        ("request-denied", fixtures::denied(&request(3), at(5)).unwrap()),
        (
            "request-redirect",
            fixtures::request(AppId::new("tv").unwrap())
                .id(id(4))
                .at(BORN)
                .redirect("https://example.com/done?a=b")
                .build(),
        ),
        ("session-anonymous", session(5).build()),
        ("session-pair", of_alice(6).build()),
        ("session-access", of_alice(7).credentials(CredentialsKind::Access).build()),
        ("session-token", session(8).credentials(CredentialsKind::Session).build()),
        ("session-endless", of_alice(9).lifetime(None).idle(None).build()),
        ("session-on-a-device", session(10).device(DeviceId::new("phone").unwrap()).build()),
        ("session-rotated", fixtures::rotated(&of_alice(11).build(), at(30)).unwrap()),
        ("session-used", seen(fixtures::rotated(&of_alice(12).build(), at(30)).unwrap(), 90)),
        ("session-replayed", fixtures::replayed(&of_alice(13).build(), at(90)).unwrap()),
        (
            "session-jumped",
            fixtures::proved(&of_alice(14).build(), FactorKind::Totp, at(90)).unwrap(),
        ),
        (
            "session-counting",
            spent(of_alice(15).build(), vec![Spend::one("posts", 9), Spend::one("a", 9)]),
        ),
        ("session-impersonated", impersonation(16).build()),
        ("session-everything", everything()),
        (
            "session-exchanged",
            fixtures::exchanged(
                &fixtures::approved(&request(17), subject("alice"), EPOCH, at(5)).unwrap(),
                at(9),
            )
            .unwrap(),
        ),
        (
            "session-unicode",
            session(18)
                .tenant(TenantId::new("社會科學院").unwrap())
                .subject(subject("Zoë 👩🏽 e\u{301} \u{feff}'; --"), EPOCH)
                .client(ClientInfo::new().with_user_agent("\u{10ffff} \"\\/"))
                .resource_owner("ß")
                .build(),
        ),
        (
            "session-every-factor",
            session(19)
                .subject(subject("alice"), EPOCH)
                .proved(
                    FactorKind::ALL
                        .iter()
                        .map(|kind| {
                            let details = FactorDetails::default()
                                .with_user_verified(true)
                                .with_hardware(true);
                            fixtures::detailed_factor(*kind, at(1), details)
                        })
                        .collect(),
                )
                .build(),
        ),
        (
            "session-every-challenge",
            FactorKind::ALL.iter().fold(of_alice(20).build(), |record, kind| {
                let challenge =
                    Challenge::new(*kind, "what the verifier sees again", at(300)).unwrap();
                fixtures::challenged(&record, challenge, at(1)).unwrap()
            }),
        ),
        ("request-revoked", ended(request(21), &Tombstone::new(RevokeReason::Admin, at(9)))),
    ]
    .into_iter()
    .map(|(name, record)| (name.to_owned(), record))
    .collect::<Vec<_>>();
    for (number, reason) in (100..).zip(RevokeReason::ALL) {
        let ended = ended(of_alice(number).build(), &Tombstone::new(*reason, at(9)));
        all.push((format!("ended-{}", reason.code().replace('_', "-")), ended));
    }
    all
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/rows/v1")
}

fn row(record: &Record) -> String {
    record.encode().unwrap()
}

fn columns(record: &Record) -> String {
    record.columns().encode().unwrap()
}

/// A row and its columns, a line each: what a file of the fixtures holds.
fn lines(record: &Record) -> String {
    format!("{}\n{}", row(record), columns(record))
}

/// The record of a row and the text of its columns.
fn decode(row: impl AsRef<[u8]>, columns: impl AsRef<[u8]>) -> Result<Record, StoreError> {
    Record::decode(row.as_ref(), Columns::decode(columns.as_ref())?)
}

/// What is wrong with a row beside the columns of this record.
fn kind(row: impl AsRef<[u8]>, of: &Record) -> Option<StoreErrorKind> {
    decode(row, columns(of)).err().map(|error| error.kind())
}

fn why(error: &StoreError) -> String {
    error.source().unwrap().to_string()
}

#[test]
fn a_record_is_written_as_the_rows_of_this_release_are() {
    for (name, record) in records() {
        let file = folder().join(format!("{name}.json"));
        if std::env::var_os("WRITE_ROWS").is_some() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&file, lines(&record) + "\n").unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap().trim_end(), lines(&record), "{name}");
    }
}

#[test]
fn every_row_that_was_ever_written_is_read_as_the_record_that_it_was() {
    let records = records();
    let mut files = 0;
    for file in fs::read_dir(folder()).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let (_, record) =
            records.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}"));
        let text = fs::read_to_string(&file).unwrap();
        let (first, second) = text.trim_end().split_once('\n').unwrap();
        let read = decode(first, second).unwrap();
        assert!(read == *record, "{name}");
        assert_eq!(lines(&read), lines(record), "{name}: nothing is lost that is not compared");
        files += 1;
    }
    assert_eq!(files, records.len());
}

#[test]
fn the_index_of_a_record_is_the_same_after_it_was_a_row() {
    for (name, record) in records() {
        let read = decode(row(&record), columns(&record)).unwrap();
        assert_eq!(read.index(), record.index(), "{name}");
    }
    let record = everything();
    let index = record.index();
    let actors: Vec<_> = index.actors.iter().map(|actor| actor.subject().as_str()).collect();
    assert_eq!(actors, ["support", "root"]);
    assert_eq!(index.subject, Some(&subject("alice")));
    assert!(index.ended && index.device.is_some() && index.device_slot.is_none());
    assert_eq!((index.fingerprint, index.creator.unwrap().as_str()), (Some("print"), "service"));
    assert_eq!((index.created_at, index.purge_at), (BORN, record.purge_at()));
    let anonymous = session(1).device(DeviceId::new("phone").unwrap()).build();
    assert_eq!(anonymous.index().device_slot, anonymous.index().device);
}

#[test]
fn no_part_of_a_row_can_be_taken_away_or_come_twice_or_be_added() {
    let mut tried = 0;
    for (name, record) in records() {
        for of_the_columns in [false, true] {
            let whole = if of_the_columns { columns(&record) } else { row(&record) };
            let whole: Value = serde_json::from_str(&whole).unwrap();
            for path in members(&whole) {
                if path == ["v"] {
                    continue;
                }
                let is_data =
                    path.len() > 1 && path.iter().rev().skip(1).any(|part| is_a_map_of_data(part));
                for edit in [Edit::Remove, Edit::Twice, Edit::Rename] {
                    if is_data && !matches!(edit, Edit::Twice) {
                        continue;
                    }
                    let edited = write(&whole, &path, &edit);
                    let read = match of_the_columns {
                        true => decode(row(&record), &edited),
                        false => decode(&edited, columns(&record)),
                    };
                    let kind = read.err().map(|error| error.kind());
                    assert_eq!(kind, Some(StoreErrorKind::Damaged), "{name}: {path:?} {edited}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 2000, "{tried}");
}

#[track_caller]
fn damaged<T: std::fmt::Debug>(read: Result<T, StoreError>, of: &str) {
    assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Damaged, "{of}");
}

#[test]
fn a_row_that_is_cut_or_changed_anywhere_is_refused_or_a_record_and_nothing_panics() {
    let mut read = 0;
    let mut look = |result: Result<Record, StoreError>| match result {
        Ok(record) => {
            assert!(decode(row(&record), columns(&record)).unwrap() == record);
            read += 1;
        }
        Err(error) => {
            let unreadable = [StoreErrorKind::Damaged, StoreErrorKind::UnknownVersion];
            assert!(unreadable.contains(&error.kind()), "{error:?}");
        }
    };
    for (name, record) in records() {
        let (row, columns) = (row(&record).into_bytes(), columns(&record).into_bytes());
        for length in 0..row.len() {
            damaged(decode(&row[..length], &columns), &format!("{name}: {length}"));
        }
        for length in 0..columns.len() {
            damaged(decode(&row, &columns[..length]), &format!("{name}: {length}"));
        }
        let masks: &[u8] =
            if name == "session-everything" { &[1, 2, 4, 8, 16, 32, 64, 128] } else { &[1, 32] };
        for mask in masks {
            let changed = |whole: &[u8], at: usize| {
                let mut changed = whole.to_vec();
                changed[at] ^= mask;
                changed
            };
            (0..row.len()).for_each(|at| look(decode(changed(&row, at), &columns)));
            (0..columns.len()).for_each(|at| look(decode(&row, changed(&columns, at))));
        }
    }
    assert!(read > 1000, "a changed letter of a name is another name: {read}");
}

#[test]
fn a_row_of_a_later_release_is_refused_and_says_so() {
    let record = of_alice(1).build();
    let later = |text: String| text.replacen("{\"v\":1,", "{\"v\":2,\"what\":[],", 1);
    let read = [
        decode(later(row(&record)), columns(&record)),
        decode(row(&record), later(columns(&record))),
    ];
    for error in read.map(Result::unwrap_err) {
        assert_eq!(error.kind(), StoreErrorKind::UnknownVersion);
        assert!(!error.is_retryable() && !error.is_in_doubt());
        assert_eq!(why(&error), "a row of version 2, and this release reads up to 1");
    }
    let row = row(&record);
    for broken in [
        "{\"v\":01,",
        "{\"v\":,",
        "{\"v\":-1,",
        "{\"v\":1.0,",
        "{\"v\":99999999999,",
        "{ \"v\":1,",
        "[",
    ] {
        let broken = row.replacen("{\"v\":1,", broken, 1);
        assert_eq!(kind(&broken, &record), Some(StoreErrorKind::Damaged), "{broken}");
    }
    assert_eq!(kind(row.replacen("{\"v\":1,", "{", 1), &record), Some(StoreErrorKind::Damaged));
    assert_eq!(kind(format!("{row}{row}"), &record), Some(StoreErrorKind::Damaged));
    assert_eq!(kind("", &record), Some(StoreErrorKind::Damaged));
}

#[test]
fn a_row_above_the_bound_is_refused_before_it_is_read_and_never_written() {
    let record = of_alice(1).build();
    let spaces = " ".repeat(MAX_ROW_BYTES);
    let long = decode(format!("{}{spaces}", row(&record)), columns(&record));
    assert_eq!(why(&long.unwrap_err()), "longer than any row");
    let long = decode(row(&record), format!("{}{spaces}", columns(&record)));
    assert_eq!(why(&long.unwrap_err()), "longer than any row");
    let huge = session(1).resource_owner(&"x".repeat(MAX_ROW_BYTES)).build();
    assert_eq!(huge.encode().unwrap_err().kind(), StoreErrorKind::TooLarge);
}

#[test]
fn every_value_passes_the_checks_of_its_birth_again() {
    let record = everything();
    let (row, columns) = (row(&record), columns(&record));
    let whole: Value = serde_json::from_str(&row).unwrap();
    let beside: Value = serde_json::from_str(&columns).unwrap();
    let client = |part: &str, value: Value| (format!("body.session.client.{part}"), value);
    let more = |part: &str, value: Value| (format!("body.session.more.{part}"), value);
    let session = |part: &str, value: Value| (format!("body.session.{part}"), value);
    let top = |part: &str, value: Value| (part.to_owned(), value);
    let factor = json!({"kind": "totp", "at": 1, "user_verified": false, "hardware": false});
    let challenge = json!({"kind": "totp", "state": "s", "ends_at": 1});
    let actor = json!({"subject": "a", "session": null, "epoch": null});
    let refused = [
        (
            top("id", json!("936da01f-9abd-4d9d-80c7-02af85c822a8")),
            "not of the form of its version",
        ),
        (top("tenant", json!("")), "tenant is empty"),
        (top("tenant", json!("a\u{0}b")), "tenant has a control character"),
        (top("generation", json!(0)), "a version or generation of zero"),
        (top("generation", json!(4_294_967_296_u64)), "not of the form"),
        (top("created_at", json!(1.5)), "not of the form"),
        (top("created_at", json!(9_223_372_036_854_775_808_u64)), "not of the form"),
        (top("salt", json!("00")), "a salt that is not"),
        (top("salt", json!("zz0102030405060708090a0b0c0d0e0f")), "a salt that is not"),
        (top("body", json!({})), "not of the form"),
        (session("subject", json!("\u{202e}")), "subject has a character that turns"),
        (session("subject", json!(null)), "an epoch without a subject, or the reverse"),
        (session("factors", json!([factor, factor])), "a kind of factor that comes twice"),
        (
            session(
                "factors",
                json!([{"kind": "luck", "at": 1, "user_verified": false, "hardware": false}]),
            ),
            "not of",
        ),
        (session("credentials", json!("cookie")), "not of the form"),
        (session("ends_at", json!(i64::MAX)), "the end of time in place of none"),
        (session("lifetime_ms", json!(0)), "a lifetime or idle timeout of zero"),
        (session("idle_ms", json!(0)), "a lifetime or idle timeout of zero"),
        (session("idle_ms", json!(-1)), "not of the form"),
        (session("late_replays_in_a_row", json!(0)), "a late replay without its count"),
        (session("late_replays_in_a_row", json!(256)), "not of the form"),
        (session("late_generation", json!(4_000_000)), "a generation that is yet to come"),
        (session("jumped_from", json!(4_000_000)), "a generation that is yet to come"),
        (client("agent", json!("x".repeat(1025))), "user agent is longer than 1024"),
        (client("agent", json!("")), "user agent is empty"),
        (client("ip", json!("999.1.1.1")), "ip is malformed"),
        (client("ip", json!("")), "ip is empty"),
        (client("fingerprint", json!("")), "fingerprint is empty"),
        (client("description", json!("x".repeat(201))), "client description is longer"),
        (client("headers", json!({"h": vec!["v"; 33]})), "headers has more than 32"),
        (client("headers", json!({"": []})), "header name is empty"),
        (more("device", json!("")), "device is empty"),
        (more("holds_device_slot", json!(true)), "a device's slot held by what cannot hold it"),
        (more("creator", json!("")), "creator is empty"),
        (more("app", json!("")), "app is empty"),
        (more("acting.reason", json!("")), "impersonation reason is empty"),
        (more("acting.actors", json!([])), "an impersonation without an actor"),
        (
            more("acting.actors", json!([actor, actor, actor, actor, actor])),
            "actor chain has more than 4",
        ),
        (more("challenges", json!([challenge, challenge])), "a kind of challenge that comes twice"),
        (
            more("challenges", json!([{"kind": "totp", "state": "x".repeat(4097), "ends_at": 1}])),
            "challenge is",
        ),
        (more("metadata", json!({"k": {"text": ""}})), "metadata without a value"),
        (more("metadata", json!({"k": {"base64": "A"}})), "bytes that are not base64"),
        (more("metadata", json!({"k": {"text": "x".repeat(4097)}})), "metadata value is longer"),
        (more("claims", json!({"sub": "mallory"})), "claim name is a reserved name"),
        (more("claims", json!({"c": "x".repeat(5000)})), "claims is longer than 4096"),
        (more("claims", json!({"c": [[[[[[[[[1]]]]]]]]]})), "not of the form"),
    ];
    let refused_beside = [
        (top("version", json!(0)), "a version or generation of zero"),
        (top("epoch", json!("1")), "not of the form"),
        (top("epoch", json!(null)), "an epoch without a subject, or the reverse"),
        (top("ended.reason", json!("whim")), "not of the form"),
        (top("ended.by", json!("x".repeat(201))), "subject is longer than 200"),
        (top("last_seen_at", json!(null)), "a session that was never seen"),
        (top("seen_generation", json!(4_000_000)), "a generation that is yet to come was seen"),
        (top("counters", json!({"posts": -1})), "not of the form"),
    ];
    let kept = |path: &[String], whole: &Value| write(whole, path, &Edit::Keep);
    let edits = refused.map(|edit| (false, edit)).into_iter();
    for (of_the_columns, ((path, value), expected)) in
        edits.chain(refused_beside.map(|edit| (true, edit)))
    {
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        let before = if of_the_columns { &beside } else { &whole };
        let edited = write(before, &path, &Edit::Replace(value));
        assert_ne!(edited, kept(&path, before), "{path:?} is there");
        let read = match of_the_columns {
            true => decode(&row, edited),
            false => decode(edited, &columns),
        };
        let error = read.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Damaged);
        assert!(why(&error).starts_with(expected), "{path:?}: {}", why(&error));
    }
    let v = ["v".to_owned()];
    decode(kept(&v, &whole), kept(&v, &beside)).expect("the row itself is right");
}

#[test]
fn the_fault_of_a_row_is_shown_without_what_stands_in_it() {
    let record = everything();
    let (mut refused, mut taken) = (0, 0);
    for of_the_columns in [false, true] {
        let whole = if of_the_columns { columns(&record) } else { row(&record) };
        let whole: Value = serde_json::from_str(&whole).unwrap();
        for path in members(&whole) {
            for value in [json!("hunter2\u{0}"), json!({"hunter2": 1}), json!(["hunter2"])] {
                let edited = write(&whole, &path, &Edit::Replace(value));
                let read = match of_the_columns {
                    true => decode(row(&record), &edited),
                    false => decode(&edited, columns(&record)),
                };
                match read {
                    Err(error) => {
                        let shown = format!("{error} {error:?} {}", why(&error));
                        assert!(!shown.contains("hunter2"), "{path:?}: {shown}");
                        refused += 1;
                    }
                    // A value that the host keeps is whatever it likes.
                    Ok(_) => taken += 1,
                }
            }
        }
    }
    assert!(refused > 200 && taken < 40, "{refused} refused, {taken} taken");
}

#[test]
fn a_stamp_comes_back_as_it_was_and_is_read_on_no_trust() {
    let mut stamp = SubjectStamp::first(BORN);
    stamp.bump(Some(id(7)), RevokeReason::CredentialChange, at(1));
    for kind in FactorKind::ALL {
        stamp.raise_floor(FactorFloor::new(*kind, at(2)));
    }
    for stamp in [SubjectStamp::first(BORN), stamp.clone()] {
        assert_eq!(SubjectStamp::decode(stamp.encode().unwrap().as_bytes()).unwrap(), stamp);
    }
    let text = stamp.encode().unwrap();
    assert!(text.len() < 1024, "{}", text.len());
    let row: Value = serde_json::from_str(&text).unwrap();
    for path in members(&row) {
        for edit in [Edit::Remove, Edit::Twice, Edit::Rename] {
            let edited = write(&row, &path, &edit);
            match path == ["v"] {
                true => assert_eq!(SubjectStamp::decode(edited.as_bytes()).unwrap(), stamp),
                false => damaged(SubjectStamp::decode(edited.as_bytes()), &edited),
            }
        }
    }
    for length in 0..text.len() {
        damaged(SubjectStamp::decode(&text.as_bytes()[..length]), &text[..length]);
    }
    let floor = json!({"kind": "totp", "at": 1});
    let twice = write(&row, &["floors".to_owned()], &Edit::Replace(json!([floor, floor])));
    assert_eq!(
        why(&SubjectStamp::decode(twice.as_bytes()).unwrap_err()),
        "a kind of factor with two floors"
    );
    let later = text.replacen("{\"v\":1,", "{\"v\":7,", 1);
    assert_eq!(
        SubjectStamp::decode(later.as_bytes()).unwrap_err().kind(),
        StoreErrorKind::UnknownVersion
    );
}

/// What is done to one member of a row.
enum Edit {
    Keep,
    Remove,
    Twice,
    Rename,
    Replace(Value),
}

/// Objects whose names are data: without one of them, a row is another record.
fn is_a_map_of_data(name: &str) -> bool {
    ["headers", "metadata", "claims", "counters"].contains(&name)
}

/// The way to every member of every object, through arrays too.
fn members(value: &Value) -> Vec<Vec<String>> {
    let under = |name: String, value: &Value| {
        let below = members(value).into_iter();
        below.map(move |path| [vec![name.clone()], path].concat()).collect::<Vec<_>>()
    };
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| {
                [vec![vec![name.clone()]], under(name.clone(), value)].concat()
            })
            .collect(),
        Value::Array(list) => {
            list.iter().enumerate().flat_map(|(at, value)| under(at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}

/// The row with one edit, its version in front.
fn write(row: &Value, path: &[String], edit: &Edit) -> String {
    let mut rest: Map<String, Value> = row.as_object().unwrap().clone();
    let version = rest.remove("v").unwrap();
    let text = text(&Value::Object(rest), path, edit);
    format!("{{\"v\":{version},{}", &text[1..])
}

fn text(value: &Value, path: &[String], edit: &Edit) -> String {
    let Some((here, below)) = path.split_first() else { return value.to_string() };
    match value {
        Value::Object(object) => {
            let member = |name: &str, value: String| format!("{}:{value}", json!(name));
            let written =
                object.iter().flat_map(|(name, value)| match (name == here, below, edit) {
                    (true, [], Edit::Remove) => vec![],
                    (true, [], Edit::Twice) => vec![member(name, value.to_string()); 2],
                    (true, [], Edit::Rename) => {
                        vec![member(&format!("{name}_"), value.to_string())]
                    }
                    (true, [], Edit::Replace(other)) => vec![member(name, other.to_string())],
                    (true, ..) => vec![member(name, text(value, below, edit))],
                    (false, ..) => vec![member(name, value.to_string())],
                });
            format!("{{{}}}", written.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => {
            let written =
                list.iter().enumerate().map(|(at, value)| match at.to_string() == *here {
                    true => text(value, below, edit),
                    false => value.to_string(),
                });
            format!("[{}]", written.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
