package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/internal/cosign"
)

// suspicions is the directory of requests that a witness refused as inconsistent: evidence, so it is never cleaned up here, and
// each witness fills one file a term at most.
type suspicions struct{ dir string }

// recall says at the start that there are some: an alarm is over with the process that raised it, and what gave rise to it is not.
func (s suspicions) recall(log *slog.Logger) {
	kept, err := filepath.Glob(filepath.Join(s.dir, "*.request"))
	if len(kept) > 0 || err != nil {
		log.Error("witnesses hinted at another history under this log's key before: look into what they refused, and move it away once it is settled", "directory", s.dir, "requests", len(kept), "error", err)
	}
}

// keep writes a request durably, named by when, by whom and what it is.
func (s suspicions) keep(x cosign.Suspicion) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("couldn't keep the refused request: %w", err)
	}
	name := fmt.Sprintf("%s-%x.request", x.Time.UTC().Format("20060102T150405.000Z"), sha256.Sum256(append([]byte(x.Witness+"\n"), x.Request...)))
	if err := durable.Create(filepath.Join(s.dir, name), x.Request, 0o644); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("couldn't keep the refused request: %w", err)
	}
	return nil
}
