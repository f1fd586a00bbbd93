-- +goose Up

-- Deferred proofs. River, the job queue, has a schema of its own, which its own migrations fill (migrations.go).
CREATE SCHEMA river;

-- The sealed witnesses of deferred events that wait for their proof: age ciphertexts, which only proving workers can open.
-- A row comes in the transaction that writes its event's entry, and goes in the one that writes the attestation. Witnesses
-- don't follow from the log: reindex leaves them alone, and a backup must have them.
CREATE TABLE witnesses (
    idx       bigint NOT NULL,                                -- the event's entry
    received  bigint NOT NULL,                                -- ms since 1970, the entry's log time
    job       bigint,                                         -- River's number of the job; NULL until there is one
    event     bytea  NOT NULL CHECK (length(event) = 32),     -- the event digest
    statement bytea  NOT NULL CHECK (length(statement) = 32), -- the statement to prove
    sealed    bytea  NOT NULL,
    CONSTRAINT witnesses_pkey PRIMARY KEY (event)
);

-- Ciphertexts don't compress.
ALTER TABLE witnesses ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- What the sweep looks for: a crash may come between the commit and the job.
CREATE INDEX witnesses_without_job ON witnesses (idx) WHERE job IS NULL;

-- Which entries attest which event. It follows from the log, and reindex rebuilds it.
CREATE TABLE attestations (
    idx     bigint   NOT NULL,                              -- the attestation's entry
    outcome smallint NOT NULL CHECK (outcome IN (1, 2)),    -- 1: proven, 2: refused
    event   bytea    NOT NULL CHECK (length(event) = 32),   -- digest of the attested event
    CONSTRAINT attestations_pkey PRIMARY KEY (event, outcome)  -- at most one of each
);

-- +goose Down
DROP TABLE attestations, witnesses;
DROP SCHEMA river CASCADE;
