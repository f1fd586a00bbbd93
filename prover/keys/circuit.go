package keys

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/logger"
	"github.com/rs/zerolog"

	"github.com/attestlog/attestlog/ledger/event"
)

// ConstraintSystemDigest is SHA-256 of the constraint system's serialization,
// and its length in bytes. It identifies the circuit: gnark serializes the same
// circuit to the same bytes on every run.
func ConstraintSystemDigest(ccs constraint.ConstraintSystem) (event.Digest, int64, error) {
	h := sha256.New()
	n, err := ccs.WriteTo(h)
	if err != nil {
		return event.Digest{}, 0, fmt.Errorf("couldn't hash constraint system: %w", err)
	}
	return event.Digest(h.Sum(nil)), n, nil
}

// CheckCircuit says whether ccs, which the caller compiled, is the circuit with
// the given digest, as a statement entry states it.
func CheckCircuit(ccs constraint.ConstraintSystem, want event.Digest) error {
	got, _, err := ConstraintSystemDigest(ccs)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("this program's circuit is not the statement's: its constraint system is %s, want %s", got, want)
	}
	return nil
}

// RouteGnarkLog sends what gnark logs to log: its chatter at debug level,
// warnings and errors as what they are. gnark has one logger per process and
// would write to standard output otherwise, so a program calls this once, first
// thing, before any goroutine uses gnark.
func RouteGnarkLog(log *slog.Logger) {
	logger.Set(zerolog.New(slogWriter{log}))
}

// slogWriter takes zerolog's JSON lines.
type slogWriter struct{ log *slog.Logger }

var _ io.Writer = slogWriter{}

func (w slogWriter) Write(line []byte) (int, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		w.log.Debug("gnark", "line", string(line))
		return len(line), nil
	}
	message, _ := fields["message"].(string)
	level, _ := fields["level"].(string)
	delete(fields, "message")
	delete(fields, "level")
	args := make([]any, 0, 2*len(fields))
	for k, v := range fields {
		args = append(args, k, v)
	}
	switch level {
	case "warn":
		w.log.Warn("gnark: "+message, args...)
	case "error", "fatal", "panic":
		w.log.Error("gnark: "+message, args...)
	default:
		w.log.Debug("gnark: "+message, args...)
	}
	return len(line), nil
}
