package proving_test

import (
	"context"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/proving"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// registered is a log with statements, in the order of their registration, that is asked for nothing else.
type registered struct {
	proving.Log
	statements []*client.Statement
}

func (r registered) Statements(context.Context) ([]*client.Statement, error) {
	return r.statements, nil
}

// Several statements of one name may stand: the newest is proven under, whatever set-up it has; one that was revoked never is.
func TestFindTakesTheNewestThatStands(t *testing.T) {
	st := func(id byte, name, status string, setup event.Setup) *client.Statement {
		return &client.Statement{Digest: event.Digest{id}, Status: status, Claims: &event.StatementClaims{Name: name, Proves: event.DataAccess, Setup: setup}}
	}
	small, err := statement.ByName("data-access-16")
	if err != nil {
		t.Fatal(err)
	}
	large, err := statement.ByName("data-access-64")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		statements []*client.Statement
		want       byte // 0: none
	}{
		"none":                      {nil, 0},
		"one":                       {[]*client.Statement{st(1, small.Name, "active", event.SetupOneParty)}, 1},
		"a newer one":               {[]*client.Statement{st(1, small.Name, "active", event.SetupOneParty), st(2, small.Name, "active", event.SetupCeremony)}, 2},
		"a newer one of one party":  {[]*client.Statement{st(1, small.Name, "active", event.SetupCeremony), st(2, small.Name, "active", event.SetupOneParty)}, 2},
		"a newer one was revoked":   {[]*client.Statement{st(1, small.Name, "active", event.SetupOneParty), st(2, small.Name, "revoked", event.SetupCeremony)}, 1},
		"revoked and made afresh":   {[]*client.Statement{st(1, small.Name, "revoked", event.SetupOneParty), st(2, small.Name, "active", event.SetupOneParty)}, 2},
		"all revoked":               {[]*client.Statement{st(1, small.Name, "revoked", event.SetupOneParty)}, 0},
		"the next class":            {[]*client.Statement{st(1, small.Name, "revoked", event.SetupOneParty), st(2, large.Name, "active", event.SetupOneParty)}, 2},
		"the smaller class, though": {[]*client.Statement{st(1, small.Name, "active", event.SetupOneParty), st(2, large.Name, "active", event.SetupOneParty)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, s, err := proving.Find(t.Context(), registered{statements: c.statements}, []statement.Statement{small, large})
			if c.want == 0 {
				if err == nil || !strings.Contains(err.Error(), "has no statement data-access-16 or data-access-64 that stands") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || got.Digest != (event.Digest{c.want}) || s.Name != got.Claims.Name {
				t.Errorf("got %v for %s, %v, want %d", got, s.Name, err, c.want)
			}
		})
	}
}
