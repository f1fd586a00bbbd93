package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/monitor/status"
)

const statusManual = `Reads the state in a directory, whether a monitor uses it or not, or asks one that runs. Exit code 3 says that there are alarms.

Each alarm has a kind. Of the heads that a log signed:

  fork        two roots for one size. Evidence: FILE.fork, which attestlog verify-fork checks with the log's key alone
  rewrite     a head that doesn't continue a smaller one. Evidence: likewise
  rollback    a smaller head than before, from the same place
  hidden      others were shown a larger head than this monitor
  unwitnessed cosignatures are missing that --policy asks for
  bad-head    what is served as a head isn't one, or isn't signed
  unreachable, stale  no head, or nothing new, for too long

Of what it serves:

  withheld    a tile is missing that a head promises
  tiles       hash tiles that don't lead to the signed root
  altered     an entry that isn't the one in the tree

Of its entries, the rule that one breaks: malformed, bad-signature, revoked-key, wrong-key, unknown-source, not-permitted, wrong-log, sequence-gap,
sequence-fork, logged-back, unknown-reference, claims-out-of-range, unknown-statement, revoked-statement, proof-missing,
proof-unexpected, proof-invalid, already-attested. Evidence: the entry, and the proof that the log holds it.

A running monitor says, too, when each of its peers answered last. --json prints what package ledger/monitor/status explains.

Alarms stay. To begin anew, once all is settled, give a monitor an empty directory.
`

func bindStatus(fs *flag.FlagSet) command.Run {
	state := fs.String("state", "", "the monitor's `directory`")
	url := fs.String("url", "", "the `address` of a monitor that runs")
	asJSON := fs.Bool("json", false, "print JSON")
	return command.Alone(func(ctx context.Context, s command.Streams) error {
		if (*state == "") == (*url == "") {
			return command.Misusef("want --state or --url")
		}
		report, err := readReport(ctx, *state, *url)
		if err != nil {
			return err
		}
		if *asJSON {
			e := json.NewEncoder(s.Out)
			e.SetIndent("", "  ")
			if err := e.Encode(report); err != nil {
				return fmt.Errorf("couldn't print the status: %w", err)
			}
		} else {
			printReport(s.Out, report)
		}
		return alarmed(report, "")
	})
}

// readReport reads what lies in a directory, or asks a monitor that runs.
func readReport(ctx context.Context, dir, url string) (*status.Report, error) {
	if dir != "" {
		all, err := monitor.ReadStatus(dir)
		if err != nil {
			return nil, err
		}
		r := &status.Report{Logs: []status.Standing{}}
		for _, s := range all {
			r.Logs = append(r.Logs, s.Standing)
		}
		return r, nil
	}
	if err := checkURL("url", url); err != nil {
		return nil, err
	}
	client, err := status.NewClient(url, http.DefaultClient)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return client.Report(ctx, "")
}

// printReport prints it for people. What comes from logs has no control characters by then.
func printReport(w io.Writer, r *status.Report) {
	for _, s := range r.Logs {
		done := "read" // into the tree
		if s.Law {
			done = "judged"
		}
		fmt.Fprintf(w, "%s: %d entries %s, up to the head of %d\n", plain(s.Log), s.Size, done, s.HeadSize)
		if s.Target > s.Size {
			fmt.Fprintf(w, "  on the way to %d entries\n", s.Target)
		}
		for _, t := range s.Trouble {
			fmt.Fprintf(w, "  trouble: %s\n", plain(t))
		}
		for _, a := range s.Alarms {
			fmt.Fprintf(w, "  ALARM %s  %s  %s\n", a.Kind, moment(a.Time), plain(a.Detail))
			for _, e := range a.Evidence {
				fmt.Fprintf(w, "    evidence: %s/%s\n", monitor.LogDir(s.Log), plain(e))
			}
		}
		kinds := make([]string, 0, len(s.Beyond))
		for kind, n := range s.Beyond {
			kinds = append(kinds, fmt.Sprintf("  and %d more of kind %s\n", n, kind))
		}
		slices.Sort(kinds)
		fmt.Fprint(w, strings.Join(kinds, ""))
	}
	for _, p := range r.Peers {
		switch {
		case p.Asked == 0:
			fmt.Fprintf(w, "peer %s: not spoken to yet\n", plain(p.URL))
		case p.Spoke == 0:
			fmt.Fprintf(w, "peer %s: has never answered\n", plain(p.URL))
		case p.Trouble:
			fmt.Fprintf(w, "peer %s: doesn't answer since %s\n", plain(p.URL), moment(p.Spoke))
		default:
			fmt.Fprintf(w, "peer %s: answered at %s\n", plain(p.URL), moment(p.Spoke))
		}
	}
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// plain takes control characters out.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
