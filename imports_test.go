// Package attestlog_test holds what is true of the repository as a whole: which package may link which.
//
// .golangci.yml stops a wrong import in the file where it is written. Here the whole graph is asked, so that nothing comes
// in by way of a third package.
package attestlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/attestlog/attestlog"

// wall says what packages may not link, directly or by way of others. A path stands for itself and all below it; a path
// that ends with "!" for itself alone.
type wall struct {
	name   string
	around []string // whom it is about: first-party paths without the module's name, same notation
	except []string // whom it isn't about after all
	deny   []string // full import paths, or first-party ones that begin with "/"
	direct bool     // only what their own files import counts, not what dependencies bring along
}

var (
	database = []string{"github.com/jackc", "github.com/pressly/goose", "database/sql!", "/migrations"}
	trillian = []string{"github.com/google/trillian"}
	proving  = []string{"github.com/consensys/gnark", "/prover/circuit", "/prover/keys", "/prover/worker!"}
	edge     = []string{"/api", "/web", "/cmd"}
	ledger   = []string{"/ledger!", "/ledger/internal"}
	// viewerTests are what the viewer is tested with: live logs, and a browser.
	viewerTests = []string{"/web/webtest", "/web/browser"}
	testTools   = []string{"/web/webtest", "/web/browser", "testing", "github.com/google/go-cmp", "pgregory.net/rapid", "github.com/rogpeppe/go-internal/testscript", "/migrations/pgtest", "/prover/keys/keytest", "/prover/circuit/circuittest", "/ledger/verify/logtest", "/cmd/internal/scripttest"}
)

// walls are DESIGN's layers: cmd → api, web, worker, monitor → ledger → verify → event, and prover beside them.
var walls = []wall{
	{
		name:   "the auditor's side links no database, no Trillian, no prover, no server",
		around: []string{"/ledger/event", "/ledger/verify", "/ledger/monitor", "/api/client", "/prover/statement", "/prover/witness", "/prover/snarkjs", "/prover/zkverify"},
		deny:   slices.Concat(database, trillian, proving, ledger, []string{"/api!", "/web", "/cmd", "github.com/go-chi"}),
	},
	{
		name:   "event stands on nothing of ours",
		around: []string{"/ledger/event"},
		deny:   []string{"/api", "/cmd", "/ledger!", "/ledger/verify", "/ledger/monitor", "/ledger/internal", "/migrations", "/prover", "/web", "net/http", "github.com/consensys"},
	},
	{
		name:   "statement stands on event alone, zkverify and witness on statement",
		around: []string{"/prover/statement", "/prover/witness", "/prover/zkverify"},
		deny:   []string{"/ledger/verify", "/ledger/monitor", "net/http"},
	},
	{
		name:   "verify stands below monitor and client",
		around: []string{"/ledger/verify"},
		deny:   []string{"/ledger/monitor", "/api", "net/http"},
	},
	{
		name:   "what an auditor vendors, and a browser loads, is small",
		around: []string{"/ledger/verify!"},
		deny:   []string{"net!", "crypto/x509", "crypto/ecdh", "crypto/tls", "regexp", "golang.org/x/crypto/ssh", "github.com/transparency-dev/formats/note"},
	},
	{
		name:   "the log verifies, and proves nothing",
		around: []string{"/ledger"},
		deny:   slices.Concat(edge, proving),
	},
	{
		name:   "the edge reaches PostgreSQL, Trillian and keys through ledger or not at all",
		around: []string{"/api!", "/web"},
		except: viewerTests,
		deny:   slices.Concat(proving, []string{"/cmd"}),
	},
	{
		name:   "the viewer sees a log as anybody does, through the client",
		around: []string{"/web"},
		except: viewerTests,
		deny:   slices.Concat(database, trillian, ledger, []string{"/api!", "/cmd"}),
	},
	{
		name:   "the monitor watches anybody's ledger",
		around: []string{"/ledger/monitor"},
		deny:   slices.Concat(database, trillian, ledger, []string{"/cmd"}),
	},
	{
		name:   "whoever watches a log needs nothing of what runs one",
		around: []string{"/cmd/attestlog-monitor"},
		// Prometheus's collectors have one for database/sql: the package alone is no database.
		deny: slices.Concat([]string{"github.com/jackc", "github.com/pressly/goose", "/migrations"}, trillian, proving, ledger, []string{"/api!"}),
	},
	{
		name:   "circuits and keys know nothing of the log",
		around: []string{"/prover/gadget", "/prover/circuit", "/prover/keys"},
		deny:   slices.Concat(database, trillian, ledger, edge, []string{"/ledger/verify", "/ledger/monitor", "net/http!"}),
	},
	{
		name:   "durable files stand on nothing of ours",
		around: []string{"/durable"},
		deny:   []string{"/api", "/cmd", "/ledger", "/migrations", "/prover", "/web", "net"},
	},
	{
		name:   "the schema stands alone",
		around: []string{"/migrations"},
		deny:   []string{"/api", "/cmd", "/ledger", "/prover", "/web"},
	},
	{
		name:   "what runs in production imports no test tools",
		around: []string{""},
		except: []string{"/web/webtest", "/web/browser", "/migrations/pgtest", "/prover/keys/keytest", "/prover/circuit/circuittest", "/ledger/verify/logtest", "/cmd/internal/scripttest"},
		deny:   testTools,
		direct: true,
	},
}

func TestImportWalls(t *testing.T) {
	graph := listPackages(t)
	for _, w := range walls {
		t.Run(strings.ReplaceAll(w.name, " ", "_"), func(t *testing.T) {
			for _, p := range graph {
				path := strings.TrimPrefix(p.ImportPath, module)
				if !matchesAny(path, w.around) || matchesAny(path, w.except) {
					continue
				}
				deps := p.Deps
				if w.direct {
					deps = p.Imports
				}
				for _, dep := range deps {
					own, ours := strings.CutPrefix(dep, module)
					denied := matchesAny(dep, w.deny)
					if ours {
						denied = matchesAny(own, w.deny) && own != path
					}
					if denied {
						t.Errorf("%s links %s:\n\t%s", path, dep, strings.Join(route(graph, p.ImportPath, dep), " → "))
					}
				}
			}
		})
	}
}

// TestWallsStand makes sure that the notation of the walls means what it says: a rule that matches nothing tells nothing.
func TestWallsStand(t *testing.T) {
	for _, c := range []struct {
		path, rule string
		want       bool
	}{
		{"/ledger", "/ledger!", true},
		{"/ledger/verify", "/ledger!", false},
		{"/ledger/verify", "/ledger", true},
		{"/ledgers", "/ledger", false},
		{"github.com/consensys/gnark/frontend", "github.com/consensys/gnark", true},
		{"github.com/consensys/gnark-crypto/ecc", "github.com/consensys/gnark", false},
		{"", "", true},
		{"/cmd/attestlog", "", true},
	} {
		if got := matches(c.path, c.rule); got != c.want {
			t.Errorf("matches(%q, %q) = %v, want %v", c.path, c.rule, got, c.want)
		}
	}
	graph := listPackages(t)
	for _, must := range []string{"/ledger/event", "/ledger/verify", "/ledger", "/api/client", "/prover/zkverify", "/cmd/attestlogd"} {
		if !slices.ContainsFunc(graph, func(p pkg) bool { return p.ImportPath == module+must }) {
			t.Errorf("there is no package %s for the walls to stand around", must)
		}
	}
}

func matchesAny(path string, rules []string) bool {
	return slices.ContainsFunc(rules, func(rule string) bool { return matches(path, rule) })
}

func matches(path, rule string) bool {
	if alone, ok := strings.CutSuffix(rule, "!"); ok {
		return path == alone
	}
	return path == rule || strings.HasPrefix(path, rule+"/")
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string // direct, without tests'
	Deps       []string // all
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't list the packages: %v\n%s", err, &stderr)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(fmt.Errorf("couldn't read go list's answer: %w", err))
		}
		all = append(all, p)
	}
}

// route finds a shortest way through our own packages by which one links another, to show where to cut.
func route(graph []pkg, from, to string) []string {
	imports := map[string][]string{}
	for _, p := range graph {
		imports[p.ImportPath] = p.Imports
	}
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if slices.Contains(imports[at], to) {
			way := []string{to}
			for ; at != ""; at = came[at] {
				way = append([]string{strings.TrimPrefix(at, module)}, way...)
			}
			return way
		}
		for _, next := range imports[at] {
			if _, seen := came[next]; !seen {
				came[next] = at
				queue = append(queue, next)
			}
		}
	}
	return []string{strings.TrimPrefix(from, module), "…", to} // by way of a package that isn't ours
}
