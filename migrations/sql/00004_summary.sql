-- +goose Up

-- The summary counts what the attestations between two entries changed. They are written in the order of the log, so that an index of
-- ranges of pages finds them, and costs a writer next to nothing.
CREATE INDEX attestations_idx ON attestations USING brin (idx) WITH (pages_per_range = 16, autosummarize = on);

-- +goose Down
DROP INDEX attestations_idx;
