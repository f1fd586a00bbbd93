package monitor

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// What is kept of a head is what the log and known witnesses signed: whoever brings it once more, with lines that nobody can verify or without those
// that somebody can, takes nothing from it.
func TestKeptHeadsOnlyGain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := logtest.New(t, "log.example")
		north, south, stranger := logtest.NewCosigner(t, "north.example"), logtest.NewCosigner(t, "south.example"), logtest.NewCosigner(t, "stranger.example")
		policy, err := verify.ParsePolicy(fmt.Appendf(nil, "witness north %s\nwitness south %s\ngroup both all north south\nquorum both\n", north.VKey, south.VKey))
		if err != nil {
			t.Fatal(err)
		}
		l := &Log{LogConfig: LogConfig{Policy: policy}, cfg: &Config{Now: time.Now}, origin: "log.example", key: k.Key, state: newState(), metrics: newMetrics(nil)}
		if l.journal, err = store.OpenJournal(filepath.Join(t.TempDir(), "journal"), nil); err != nil {
			t.Fatal(err)
		}
		defer l.journal.Close()
		plain := k.History(5, 5, "").Head(5)
		line := func(by logtest.Cosigner) string {
			opened, err := note.Open(plain, note.VerifierList(k.Key))
			if err != nil {
				t.Fatal(err)
			}
			sig, err := by.Sign([]byte(opened.Text))
			if err != nil {
				t.Fatal(err)
			}
			return signatureLine(by.Name(), by.KeyHash(), sig)
		}
		bring := func(lines ...string) string {
			t.Helper()
			b := string(plain)
			for _, line := range lines {
				b += line
			}
			head, err := l.open([]byte(b))
			if err == nil {
				err = l.keep(head, "somebody")
			}
			if err != nil {
				t.Fatal(err)
			}
			have, _ := l.state.at(5)
			return have.Note
		}
		junk := signatureLine("junk.example", 1, make([]byte, 900))
		forged := signatureLine(north.Name(), north.KeyHash(), make([]byte, 72))
		first, other := line(north), line(stranger)
		time.Sleep(time.Minute) // of the bubble's
		second, southern := line(north), line(south)
		for _, c := range []struct {
			name  string
			lines []string
			want  string
		}{
			{"with junk only", []string{junk, other}, string(plain)},
			{"cosigned", []string{junk, first}, string(plain) + first},
			{"with more junk", []string{junk, other, signatureLine("junk.example", 2, make([]byte, 2000))}, string(plain) + first},
			{"without the cosignature", nil, string(plain) + first},
			{"with a forged one", []string{forged, southern}, string(plain) + first},
			{"cosigned by another", []string{southern}, string(plain) + first + southern},
			{"with a newer one", []string{second, other}, string(plain) + second + southern},
			{"with the older one again", []string{first, junk}, string(plain) + second + southern},
		} {
			if got := bring(c.lines...); got != c.want {
				t.Errorf("%s: kept is\n%s\nwant\n%s", c.name, got, c.want)
			}
		}
	})
}

// signatureLine is a line of a signed note.
func signatureLine(name string, hash uint32, sig []byte) string {
	return fmt.Sprintf("— %s %s\n", name, base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, hash), sig...)))
}
