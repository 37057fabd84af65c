-- The tables of a session store, version 1. Instants are milliseconds since the Unix epoch, UTC; ids and names are text.
-- Look at the view `sessions` (sqlite3 3.38 or later). Write to none of this by hand but to end a session: the guide on
-- stores says how. Every file keeps these texts and is compared with them: once released, no word of them changes.

-- Tells this file's revocation log from that of any other file. One row.
CREATE TABLE store (
    id TEXT NOT NULL
) STRICT;
INSERT INTO store (id) VALUES (lower(hex(randomblob(8))));

-- One session or request token a row.
CREATE TABLE records (
    -- Follows from the id, so that a session is found without an index: its milliseconds times 32768, and what follows.
    number       INTEGER PRIMARY KEY,
    tenant       TEXT NOT NULL,
    id           TEXT NOT NULL,
    -- What only a change of the record writes: JSON, the version of its form in front.
    row          TEXT NOT NULL,
    -- How often the record was changed.
    version      INTEGER NOT NULL,
    -- The tombstone. A row that has one is ended.
    ended_at     INTEGER,
    ended_reason TEXT,
    ended_by     TEXT,
    subject      TEXT,
    -- The subject's epoch that the record came under.
    epoch        INTEGER,
    -- The last use that was noted, and the current generation once a check has seen it used.
    last_seen_at    INTEGER,
    seen_generation INTEGER NOT NULL,
    -- Named counters, as one JSON object; none where there are none.
    counters     TEXT,
    device       TEXT,
    -- The device whose slot it holds: taken at birth, and cleared for good.
    device_slot  TEXT,
    creator      TEXT,
    fingerprint  TEXT,
    created_at   INTEGER NOT NULL,
    -- When a sweep looks at it: at the time from which it may be removed, or earlier. None for never.
    sweep_at     INTEGER,
    CHECK ((ended_at IS NULL) = (ended_reason IS NULL)),
    CHECK ((subject IS NULL) = (epoch IS NULL))
) STRICT;
CREATE UNIQUE INDEX records_by_device_slot ON records (tenant, device_slot) WHERE device_slot IS NOT NULL;
CREATE INDEX records_by_subject ON records (tenant, subject, created_at, id)
    WHERE subject IS NOT NULL AND ended_at IS NULL;
CREATE INDEX records_ended_by_subject ON records (tenant, subject) WHERE subject IS NOT NULL AND ended_at IS NOT NULL;
CREATE INDEX records_by_device ON records (tenant, device, created_at, id) WHERE device IS NOT NULL AND ended_at IS NULL;
CREATE INDEX records_by_creator ON records (tenant, creator, created_at, id)
    WHERE creator IS NOT NULL AND ended_at IS NULL;
CREATE INDEX records_by_fingerprint ON records (tenant, fingerprint, created_at, id)
    WHERE fingerprint IS NOT NULL AND ended_at IS NULL;
CREATE INDEX records_by_birth ON records (tenant, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX records_to_sweep ON records (sweep_at) WHERE sweep_at IS NOT NULL;

-- Who acts in whose place: a row for each subject that a record names as an actor.
CREATE TABLE actors (
    tenant     TEXT NOT NULL,
    actor      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    id         TEXT NOT NULL,
    record     INTEGER NOT NULL,
    PRIMARY KEY (tenant, actor, created_at, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX actors_of_record ON actors (record);

-- What is known of a subject: its epoch, the session that the last mass revocation kept, and the floors of its factors.
CREATE TABLE subjects (
    tenant   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    -- All that is known, as JSON, the epoch again; none until all of its sessions, or factors, were revoked for once.
    stamp    TEXT,
    -- When a sweep asks whether anything still names it. None while a record is known to.
    sweep_at INTEGER,
    PRIMARY KEY (tenant, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX subjects_to_sweep ON subjects (sweep_at) WHERE sweep_at IS NOT NULL;

-- The revocation log. A number is never given twice.
CREATE TABLE log (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant             TEXT NOT NULL,
    -- The session that ended, or none where a subject's sessions did.
    session            TEXT,
    subject            TEXT,
    epoch              INTEGER,
    kept               TEXT,
    factors_changed_at INTEGER,
    -- From when on nobody needs to know.
    until              INTEGER NOT NULL,
    CHECK ((session IS NULL) = (subject IS NOT NULL AND epoch IS NOT NULL))
) STRICT;
CREATE INDEX log_to_sweep ON log (until);

-- For people: a row a session or request token, with dates that can be read.
CREATE VIEW sessions AS
SELECT
    tenant,
    id,
    CASE
        WHEN ended_at IS NOT NULL THEN 'ended'
        WHEN json -> '$.body' IS NULL THEN 'unreadable'
        -- All sessions of its subject were revoked, and it was not kept.
        WHEN subject IS NOT NULL AND NOT coalesce(epoch >= known_epoch OR id = known ->> '$.kept', FALSE)
            THEN 'revoked'
        WHEN json -> '$.body.session' IS NOT NULL THEN 'session'
        WHEN json -> '$.body.request.decision.approved' IS NOT NULL THEN 'request, approved'
        ELSE 'request, ' || (json ->> '$.body.request.decision')
    END AS state,
    subject,
    device,
    creator,
    json ->> '$.body.session.client.ip' AS ip,
    json ->> '$.body.session.client.agent' AS agent,
    datetime(created_at / 1000, 'unixepoch') AS created,
    datetime(seen / 1000, 'unixepoch') AS last_seen,
    -- What comes first: its own end, or that of its idle timeout.
    datetime(min(coalesce(ends_at, idle_ends_at), coalesce(idle_ends_at, ends_at)) / 1000, 'unixepoch') AS ends,
    datetime(ended_at / 1000, 'unixepoch') AS ended,
    ended_reason AS reason,
    ended_by
FROM (
    SELECT
        *,
        last_seen_at AS seen,
        coalesce(json ->> '$.body.session.ends_at', json ->> '$.body.request.ends_at') AS ends_at,
        last_seen_at + (json ->> '$.body.session.idle_ms') AS idle_ends_at
    FROM (
        SELECT
            r.*,
            CASE WHEN json_valid(r.row) THEN r.row END AS json,
            s.epoch AS known_epoch,
            CASE WHEN json_valid(s.stamp) THEN s.stamp END AS known
        FROM records AS r
        LEFT JOIN subjects AS s ON s.tenant = r.tenant AND s.subject = r.subject
    )
);
