-- +goose Up

-- The log. Everything in it is written once and never changed, save the one row of tip.

-- One row per entry. Only idx and leaf hold anything of their own: the other columns are derived from the leaf, so
-- that it can be found, and are rebuilt by reindex. The columns are in the order that leaves no padding between them.
CREATE TABLE entries (
    idx     bigint   NOT NULL,  -- index in the log, from 0 without gaps
    logged  bigint   NOT NULL,  -- the log's time, ms since 1970; never decreases with idx
    source  integer  NOT NULL,  -- names.id
    subject integer  NOT NULL,  -- names.id
    digest  uuid     NOT NULL,  -- the first 16 bytes of the event digest; readers check the rest against the leaf
    kind    smallint NOT NULL,  -- event.Kind
    leaf    bytea    NOT NULL,
    CONSTRAINT entries_pkey PRIMARY KEY (idx)
);

-- Leaves are mostly base64 of random bytes: compressing them costs time and wins little. They stay in the row as long
-- as one row fits a page.
ALTER TABLE entries ALTER COLUMN leaf SET STORAGE EXTERNAL;
ALTER TABLE entries SET (toast_tuple_target = 8160);

-- A hash index is the cheapest way to a row by its digest: nothing of the digest is stored twice.
CREATE INDEX entries_digest ON entries USING hash (digest);

-- What entries are listed by, as numbers that an index can hold: source, subject and kind, each together with the
-- bucket of 65,536 entries that the entry lies in. The bucket gives the postings of an inverted index, which have no
-- order of their own, a coarse order by idx, so that a page of a long list costs no more than a page of a short one.
-- +goose StatementBegin
CREATE FUNCTION entry_keys(idx bigint, source integer, subject integer, kind smallint) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[
        (1::bigint << 60) | (source::bigint << 28) | (idx >> 16),
        (2::bigint << 60) | (subject::bigint << 28) | (idx >> 16),
        (3::bigint << 60) | (kind::bigint << 28) | (idx >> 16)
    ]
$$;
-- +goose StatementEnd

-- One inverted index for all three costs a third of three B-trees in time and in space: postings are six bytes and less
-- each, and are added in bulk. The pending list, which every look-up reads through, is kept short.
CREATE INDEX entries_keys ON entries USING gin (entry_keys(idx, source, subject, kind)) WITH (gin_pending_list_limit = 1024);

-- The strings that entries repeat.
CREATE TABLE names (
    id   integer NOT NULL PRIMARY KEY,  -- given by the leader, from 1 without gaps
    name text    NOT NULL UNIQUE
);

-- Full tiles of 256 hashes, as in C2SP tlog-tiles: level l, number n holds the roots of the 256 subtrees of 256^l
-- leaves from leaf n * 256^(l+1) on. The tiles at the right edge, not yet full, are recomputed from the entries.
CREATE TABLE tiles (
    n      bigint   NOT NULL,
    level  smallint NOT NULL,
    root   bytea    NOT NULL,  -- the hash over the 256 hashes, which is one hash of the tile above
    hashes bytea    NOT NULL CHECK (length(hashes) = 8192),
    CONSTRAINT tiles_pkey PRIMARY KEY (level, n)
);

ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- The head of what is committed. A batch moves it from the size and the epoch that its leader knows, or fails.
CREATE TABLE tip (
    one    boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    epoch  bigint  NOT NULL,  -- grows by one with each leader
    size   bigint  NOT NULL,
    logged bigint  NOT NULL,  -- ns since 1970, when root was made
    root   bytea   NOT NULL CHECK (length(root) = 32)
) WITH (fillfactor = 10);

-- advance_tip moves the head, or fails with SQLSTATE AL001: somebody else has become the leader. Batches start with it, so
-- that the row lock keeps a second leader waiting until the first one's batch is decided.
-- +goose StatementBegin
CREATE FUNCTION advance_tip(my_epoch bigint, old_size bigint, new_size bigint, new_root bytea, new_logged bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tip SET size = new_size, root = new_root, logged = new_logged
    WHERE one AND size = old_size AND epoch = my_epoch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fenced: the log is not at size % in epoch %', old_size, my_epoch USING ERRCODE = 'AL001';
    END IF;
END
$$;
-- +goose StatementEnd

-- RFC 6962: the root of the empty tree is the SHA-256 of nothing.
INSERT INTO tip (epoch, size, logged, root) VALUES (0, 0, 0, sha256(''));

-- The published checkpoints: one per size, signed.
CREATE TABLE heads (
    size      bigint NOT NULL PRIMARY KEY,
    published bigint NOT NULL,  -- ms since 1970
    root      bytea  NOT NULL CHECK (length(root) = 32),
    note      bytea  NOT NULL   -- the signed note as first published, without cosignatures
);

-- +goose Down
DROP TABLE heads, tip, tiles, names, entries;
DROP FUNCTION entry_keys, advance_tip;
