//! A record as a row and its columns. Every part is named, so that a new part cannot be forgotten.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::{
    VERSION,
    row::{
        ActingRow, ActorRow, BodyRow, BytesRow, ChallengeRow, ClaimRow, ClientRow, CredentialsRow,
        DecisionRow, EncodedRecord, FactorRow, Members, MoreRow, RequestRow, SessionRow,
    },
};
use crate::{
    actor::{Actor, ActorChain},
    client::ClientInfo,
    clock::Timestamp,
    epoch::Epoch,
    factor::{Challenge, Factor},
    json::Str,
    session::record::{Body, CredentialsKind, Rare, Record, Request, RequestState, Session},
};

pub(super) fn row(record: &Record) -> EncodedRecord<'_> {
    // `columns` writes the version and the tombstone.
    let Record {
        id,
        tenant,
        version: _,
        created_at,
        keep_secs,
        generation,
        salt,
        body,
        tombstone: _,
    } = record;
    EncodedRecord {
        v: VERSION,
        id: *id,
        tenant: text(tenant.as_str()),
        created_at: created_at.as_millis(),
        keep_secs: *keep_secs,
        generation: *generation,
        salt: Str(Cow::Owned(Uuid::from_bytes(*salt).simple().to_string())),
        body: match body {
            Body::Request(request) => BodyRow::Request(request_row(request)),
            Body::Session(session) => BodyRow::Session(session_row(session)),
        },
    }
}

fn request_row(request: &Request) -> RequestRow<'_> {
    let Request { app, redirect, ends_at, state } = request;
    RequestRow {
        app: text(app.as_str()),
        redirect: redirect.as_deref().map(text),
        ends_at: end(*ends_at),
        decision: match state {
            RequestState::Open => DecisionRow::Open,
            // `columns` writes the epoch.
            RequestState::Approved { subject, epoch: _ } => {
                DecisionRow::Approved(text(subject.as_str()))
            }
            RequestState::Denied => DecisionRow::Denied,
        },
    }
}

fn session_row(session: &Session) -> SessionRow<'_> {
    // `columns` writes the epoch, the last use and the counters.
    let Session {
        bound,
        factors,
        client,
        rare,
        rotated_at,
        last_seen_at: _,
        ends_at,
        lifetime_millis,
        idle_millis,
        late_generation,
        late_replays_in_a_row,
        jumped_from,
        mac_key,
        successor_seen: _,
        credentials,
    } = session;
    SessionRow {
        subject: bound.as_ref().map(|(subject, _)| text(subject.as_str())),
        factors: factors.iter().flat_map(|factors| factors.iter()).map(factor_row).collect(),
        credentials: match credentials {
            CredentialsKind::Pair => CredentialsRow::Pair,
            CredentialsKind::Access => CredentialsRow::Access,
            CredentialsKind::Session => CredentialsRow::Session,
        },
        rotated_at: rotated_at.as_millis(),
        ends_at: end(*ends_at),
        lifetime_ms: (*lifetime_millis != 0).then_some(*lifetime_millis),
        idle_ms: (*idle_millis != 0).then_some(*idle_millis),
        late_generation: *late_generation,
        late_replays_in_a_row: *late_replays_in_a_row,
        jumped_from: *jumped_from,
        mac_key: *mac_key,
        client: client_row(client),
        more: rare.as_deref().filter(|rare| rare.has_more()).map(more_row).map(Box::new),
    }
}

fn factor_row(factor: &Factor) -> FactorRow {
    let details = factor.details();
    FactorRow {
        kind: factor.kind(),
        at: factor.at().as_millis(),
        user_verified: details.user_verified,
        hardware: details.hardware,
    }
}

fn client_row(client: &ClientInfo) -> Option<ClientRow<'_>> {
    let headers = client
        .headers()
        .map(|(name, values)| (text(name), values.iter().map(|v| text(v)).collect()));
    (*client != ClientInfo::default()).then(|| ClientRow {
        agent: client.user_agent().map(text),
        ip: client.ip().map(|ip| Str(Cow::Owned(ip.to_string()))),
        fingerprint: client.fingerprint().map(text),
        description: client.description().map(text),
        headers: Members(headers.collect()),
    })
}

fn more_row(rare: &Rare) -> MoreRow<'_> {
    let Rare {
        device,
        holds_device_slot,
        creator,
        app,
        actors,
        challenges,
        metadata,
        claims,
        counters: _,
        resource_owner,
    } = rare;
    let bytes = |value| match std::str::from_utf8(value) {
        Ok(value) => BytesRow::Text(text(value)),
        Err(_) => BytesRow::Base64(Str(Cow::Owned(STANDARD.encode(value)))),
    };
    MoreRow {
        device: device.as_ref().map(|device| text(device.as_str())),
        holds_device_slot: *holds_device_slot,
        creator: creator.as_ref().map(|creator| text(creator.as_str())),
        app: app.as_ref().map(|app| text(app.as_str())),
        acting: actors.as_ref().map(acting_row),
        challenges: challenges.iter().map(challenge_row).collect(),
        metadata: Members(
            metadata.iter().map(|(name, value)| (text(name), bytes(value))).collect(),
        ),
        claims: Members(
            claims
                .iter()
                .map(|(name, value)| (text(name), ClaimRow(Cow::Borrowed(value))))
                .collect(),
        ),
        resource_owner: resource_owner.as_deref().map(text),
    }
}

fn acting_row(chain: &ActorChain) -> ActingRow<'_> {
    let row = |actor: &'_ Actor| ActorRow {
        subject: Str(Cow::Owned(actor.subject().as_str().to_owned())),
        session: actor.session(),
        epoch: actor.epoch().map(Epoch::get),
    };
    ActingRow { reason: text(chain.reason()), actors: chain.actors().iter().map(row).collect() }
}

fn challenge_row(challenge: &Challenge) -> ChallengeRow<'_> {
    ChallengeRow {
        kind: challenge.kind(),
        state: text(challenge.state()),
        ends_at: end(challenge.ends_at()),
    }
}

pub(super) fn text(text: &str) -> Str<'_> {
    Str(Cow::Borrowed(text))
}

/// An end, or none.
fn end(at: Timestamp) -> Option<i64> {
    (at != Timestamp::MAX).then_some(at.as_millis())
}
