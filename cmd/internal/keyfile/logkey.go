package keyfile

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// LogKey is a log's public key, as golang.org/x/mod/sumdb/note has it: the text of one, such as log.example/2026+1a2b3c4d+AbCd…, or the
// name of a file that holds it.
func LogKey(keyOrFile string) (string, error) {
	if _, err := note.NewVerifier(keyOrFile); err == nil {
		return keyOrFile, nil
	}
	text, err := read(keyOrFile, false)
	if err != nil {
		return "", fmt.Errorf("couldn't read the log's key: %q is neither a key nor a file: %w", keyOrFile, err)
	}
	key := strings.TrimSpace(text)
	if _, err := note.NewVerifier(key); err != nil {
		return "", fmt.Errorf("couldn't read the log's key in %s: %w", keyOrFile, err)
	}
	return key, nil
}
