package ledger

import (
	"context"
	"fmt"

	"github.com/attestlog/attestlog/ledger/internal/tilestore"
)

// Reindex rebuilds in the database everything that follows from the leaves: columns, names, tiles, indexes. It waits until no
// process leads the log, and keeps others from leading while it works. Where the leaves don't make the root that the database
// has it fails, and changes nothing. progress, which may be nil, is told how many of how many entries are done.
func Reindex(ctx context.Context, databaseURL string, progress func(done, size int64)) error {
	store, err := tilestore.Open(ctx, tilestore.Config{URL: databaseURL, Decode: decodeRow})
	if err != nil {
		return fmt.Errorf("couldn't open the log: %w", err)
	}
	defer store.Close()
	return store.Reindex(ctx, progress)
}
