//! A row as a record: every value through the door that it came in by, and nothing that no record
//! can be.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::{
    Columns, RowFault,
    row::{
        ActingRow, ActorRow, BodyRow, BytesRow, ChallengeRow, ClientRow, CredentialsRow,
        DecisionRow, EncodedRecord, FactorRow, MoreRow, RequestRow, SessionRow,
    },
};
use crate::{
    actor::{Actor, ActorChain},
    client::ClientInfo,
    clock::Timestamp,
    epoch::Epoch,
    error::{InputField, InvalidInput, Problem},
    factor::{Challenge, Factor, FactorDetails, FactorKind},
    id::{AppId, CreatorId, DeviceId, SubjectId, TenantId, check_line},
    json::Str,
    metadata::{HostClaims, Metadata},
    session::record::{
        Body, CredentialsKind, MAX_REDIRECT_CHARS, Rare, Record, Request, RequestState, Session,
    },
};

type Read<T> = Result<T, RowFault>;

pub(super) fn record(row: EncodedRecord<'_>, columns: Columns) -> Read<Record> {
    let EncodedRecord { v: _, id, tenant, created_at, keep_secs, generation, salt, body } = row;
    let Columns { version, epoch, ended, last_seen_at, seen_generation, counters } = columns;
    rule(version > 0 && generation > 0, "a version or generation of zero")?;
    rule(seen_generation <= generation, "a generation that is yet to come was seen")?;
    let body = match body {
        BodyRow::Request(request) => {
            let unused = last_seen_at.is_none() && seen_generation == 0 && counters.is_empty();
            rule(unused, "a request token that was used")?;
            Body::Request(Box::new(self::request(request, epoch)?))
        }
        BodyRow::Session(session) => {
            let used = Used { epoch, last_seen_at, seen_generation, counters };
            Body::Session(self::session(session, generation, used)?)
        }
    };
    Ok(Record {
        id,
        tenant: TenantId::new(&tenant.0)?,
        version,
        created_at: Timestamp::from_millis(created_at),
        keep_secs,
        generation,
        salt: salt_of(&salt.0).ok_or(RowFault::Rule("a salt that is not 32 hexadecimal digits"))?,
        body,
        tombstone: ended.map(Box::new),
    })
}

/// The columns of a session.
struct Used {
    epoch: Option<Epoch>,
    last_seen_at: Option<Timestamp>,
    seen_generation: u32,
    counters: Vec<(Box<str>, u64)>,
}

fn request(row: RequestRow<'_>, epoch: Option<Epoch>) -> Read<Request> {
    let RequestRow { app, redirect, ends_at, decision } = row;
    let is_approved = matches!(decision, DecisionRow::Approved(_));
    rule(is_approved == epoch.is_some(), "an epoch without a subject, or the reverse")?;
    if let Some(redirect) = &redirect {
        filled(InputField::Redirect, redirect)?;
        check_line(InputField::Redirect, &redirect.0, MAX_REDIRECT_CHARS)?;
    }
    Ok(Request {
        app: AppId::new(&app.0)?,
        redirect: redirect.map(|redirect| redirect.0.into_owned()),
        ends_at: end(ends_at)?,
        state: match decision {
            DecisionRow::Open => RequestState::Open,
            DecisionRow::Approved(subject) => {
                let (subject, epoch) = bound(subject, epoch)?;
                RequestState::Approved { subject, epoch }
            }
            DecisionRow::Denied => RequestState::Denied,
        },
    })
}

fn session(row: SessionRow<'_>, generation: u32, used: Used) -> Read<Session> {
    let SessionRow {
        subject,
        factors,
        credentials,
        rotated_at,
        ends_at,
        lifetime_ms,
        idle_ms,
        late_generation,
        late_replays_in_a_row,
        jumped_from,
        mac_key,
        client,
        more,
    } = row;
    rule(lifetime_ms != Some(0) && idle_ms != Some(0), "a lifetime or idle timeout of zero")?;
    rule(
        (late_generation == 0) == (late_replays_in_a_row == 0),
        "a late replay without its count",
    )?;
    rule(
        late_generation <= generation && jumped_from < generation,
        "a generation that is yet to come",
    )?;
    let factors: Vec<_> = factors.into_iter().map(factor).collect();
    once_each(factors.iter().map(Factor::kind), "a kind of factor that comes twice")?;
    rule(subject.is_some() == used.epoch.is_some(), "an epoch without a subject, or the reverse")?;
    let bound = subject.map(|subject| self::bound(subject, used.epoch)).transpose()?;
    let last_seen_at = used.last_seen_at.ok_or(RowFault::Rule("a session that was never seen"))?;
    let successor_seen = used.seen_generation == generation;
    let mut rare = more.map(|more| self::more(*more)).transpose()?;
    if !used.counters.is_empty() {
        rare.get_or_insert_default().counters = used.counters;
    }
    if let Some(rare) = rare.as_ref().filter(|rare| rare.holds_device_slot) {
        let may = rare.device.is_some() && bound.is_none() && factors.is_empty();
        rule(may, "a device's slot held by what cannot hold it")?;
    }
    Ok(Session {
        bound,
        factors: (!factors.is_empty()).then(|| factors.into()),
        client: client.map(self::client).transpose()?.unwrap_or_default(),
        rare: rare.map(Arc::new),
        rotated_at: Timestamp::from_millis(rotated_at),
        last_seen_at,
        ends_at: end(ends_at)?,
        lifetime_millis: lifetime_ms.unwrap_or(0),
        idle_millis: idle_ms.unwrap_or(0),
        // A use of the current generation was noted since the late replays were written: they are
        // forgotten.
        late_generation: if successor_seen { 0 } else { late_generation },
        late_replays_in_a_row: if successor_seen { 0 } else { late_replays_in_a_row },
        jumped_from,
        mac_key,
        successor_seen,
        credentials: match credentials {
            CredentialsRow::Pair => CredentialsKind::Pair,
            CredentialsRow::Access => CredentialsKind::Access,
            CredentialsRow::Session => CredentialsKind::Session,
        },
    })
}

fn bound(subject: Str<'_>, epoch: Option<Epoch>) -> Read<(SubjectId, Epoch)> {
    let epoch = epoch.ok_or(RowFault::Rule("a subject without an epoch"))?;
    Ok((SubjectId::new(&subject.0)?, epoch))
}

fn factor(row: FactorRow) -> Factor {
    let FactorRow { kind, at, user_verified, hardware } = row;
    let details =
        FactorDetails::default().with_user_verified(user_verified).with_hardware(hardware);
    Factor::new(kind, Timestamp::from_millis(at), details)
}

fn client(row: ClientRow<'_>) -> Read<ClientInfo> {
    let ClientRow { agent, ip, fingerprint, description, headers } = row;
    let mut client = ClientInfo::new();
    if let Some(agent) = agent {
        filled(InputField::UserAgent, &agent)?;
        client = client.with_user_agent(&agent.0);
    }
    if let Some(ip) = ip {
        filled(InputField::Ip, &ip)?;
        let malformed = |_| InvalidInput::new(InputField::Ip, Problem::Malformed);
        client = client.with_ip(ip.0.parse().map_err(malformed)?);
    }
    if let Some(fingerprint) = fingerprint {
        client = client.with_fingerprint(&fingerprint.0);
    }
    if let Some(description) = description {
        client = client.with_description(&description.0);
    }
    for (name, values) in headers.0 {
        client = client.with_header(&name.0, values.iter().map(|value| &*value.0));
    }
    rule(client != ClientInfo::default(), "a client without parts")?;
    Ok(client.checked()?)
}

fn more(row: MoreRow<'_>) -> Read<Rare> {
    let MoreRow {
        device,
        holds_device_slot,
        creator,
        app,
        acting,
        challenges,
        metadata,
        claims,
        resource_owner,
    } = row;
    let challenges = challenges.into_iter().map(challenge).collect::<Read<Vec<_>>>()?;
    once_each(challenges.iter().map(Challenge::kind), "a kind of challenge that comes twice")?;
    let mut kept = Metadata::new();
    for (name, value) in metadata.0 {
        let value = bytes(value)?;
        rule(!value.is_empty(), "metadata without a value")?;
        kept.set(&name.0, value)?;
    }
    Ok(Rare {
        device: device.map(|device| DeviceId::new(&device.0)).transpose()?,
        holds_device_slot,
        creator: creator.map(|creator| CreatorId::new(&creator.0)).transpose()?,
        app: app.map(|app| AppId::new(&app.0)).transpose()?,
        actors: acting.map(actors).transpose()?,
        challenges,
        metadata: kept,
        claims: HostClaims::of(
            claims.0.into_iter().map(|(name, value)| (name.0, value.0.into_owned())),
        )?,
        counters: Vec::new(),
        resource_owner: resource_owner.map(|owner| owner.0.into_owned()),
    })
}

fn actors(row: ActingRow<'_>) -> Read<ActorChain> {
    let actor = |row: ActorRow<'_>| {
        let mut actor = Actor::new(SubjectId::new(&row.subject.0)?);
        if let Some(session) = row.session {
            actor = actor.with_session(session);
        }
        if let Some(epoch) = row.epoch {
            actor = actor.with_epoch(Epoch::from_number(epoch));
        }
        Ok::<_, InvalidInput>(actor)
    };
    rule(!row.actors.is_empty(), "an impersonation without an actor")?;
    let actors = row.actors.into_iter().map(actor).collect::<Result<Vec<_>, _>>()?;
    Ok(ActorChain::of(actors, &row.reason.0)?)
}

fn challenge(row: ChallengeRow<'_>) -> Read<Challenge> {
    Ok(Challenge::new(row.kind, &row.state.0, end(row.ends_at)?)?)
}

fn bytes(row: BytesRow<'_>) -> Read<Vec<u8>> {
    match row {
        BytesRow::Text(text) => Ok(text.0.into_owned().into_bytes()),
        BytesRow::Base64(text) => {
            STANDARD.decode(&*text.0).map_err(|_| RowFault::Rule("bytes that are not base64"))
        }
    }
}

/// An end, or none: the latest instant there is stands for none, and is not written.
fn end(at: Option<i64>) -> Read<Timestamp> {
    let at = at.map(Timestamp::from_millis);
    rule(at != Some(Timestamp::MAX), "the end of time in place of none")?;
    Ok(at.unwrap_or(Timestamp::MAX))
}

fn filled(field: InputField, text: &Str<'_>) -> Read<()> {
    match text.0.is_empty() {
        true => Err(InvalidInput::new(field, Problem::Empty).into()),
        false => Ok(()),
    }
}

fn once_each(kinds: impl Iterator<Item = FactorKind>, broken: &'static str) -> Read<()> {
    let mut kinds: Vec<_> = kinds.collect();
    let count = kinds.len();
    kinds.sort_unstable();
    kinds.dedup();
    rule(kinds.len() == count, broken)
}

fn rule(holds: bool, broken: &'static str) -> Read<()> {
    match holds {
        true => Ok(()),
        false => Err(RowFault::Rule(broken)),
    }
}

/// 32 hexadecimal digits, as uuids are written without their dashes.
fn salt_of(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32).then(|| Uuid::try_parse(text).ok())?.map(Uuid::into_bytes)
}
