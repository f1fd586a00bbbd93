-- +goose Up

-- Whether a published head's cosignatures satisfied the log's witness policy; of a log without one every head does. The note of
-- a head is from now on the one that was published last: with the cosignatures of the log's witnesses.
ALTER TABLE heads ADD COLUMN quorum boolean NOT NULL DEFAULT true;

-- +goose Down
ALTER TABLE heads DROP COLUMN quorum;
