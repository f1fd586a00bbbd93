package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	commandline "github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/web/words"
)

const gossipManual = `Tells monitors, by their addresses, what the log showed here: the newest head, and those that earlier commands saw, as far as they are
remembered. In return the monitors say what the log showed them. A log that shows two histories is found out by that, on both sides, although each of
them is without fault. Nobody need be trusted for it: what counts is what the log's key signed. Choose monitors that aren't the log's own.

Without a MONITOR the addresses in $ATTESTLOG_MONITORS are asked, with spaces or commas between. The log itself may be down, or hide: what
was seen of it before is told all the same.

Exit code 0: all monitors were shown the history that was shown here. 1: one couldn't be asked, or doesn't know the log, or was shown a head that the log
didn't prove to be of this history; it may lag, so try again. 3: the log shows two histories. The evidence is then in a file, whose name is printed and which
attestlog verify-fork checks with the log's key alone; the monitors have it, too. It is remembered, so that this command says 3 from then on.
`

type gossipCommand struct{ log logFlags }

func bindGossip(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	g := new(gossipCommand)
	g.log.bind(fs)
	return g.run
}

// heard is what came of asking one monitor.
type heard struct {
	Monitor     string  `json:"monitor"`
	Sizes       []int64 `json:"sizes"` // of the heads that it told of, all of this history
	Unconfirmed []int64 `json:"unconfirmed,omitempty"`
	Problem     string  `json:"problem,omitempty"`
	fork        error
}

func (g *gossipCommand) run(ctx context.Context, t *terminal, monitors []string) error {
	if len(monitors) == 0 {
		monitors = strings.FieldsFunc(os.Getenv("ATTESTLOG_MONITORS"), func(r rune) bool { return r == ' ' || r == ',' })
	}
	if len(monitors) == 0 {
		return misuse("name the address of a monitor at least, or set ATTESTLOG_MONITORS")
	}
	r, err := g.log.connect(t)
	if err != nil {
		return err
	}
	split := g.look(ctx, t, r)
	seen := r.Seen()
	t.say("%s showed %s here.", r.Origin(), words.Count(len(seen.Checkpoints), "head"))
	var all []heard
	failed := 0
	for _, monitor := range monitors {
		h := ask(ctx, r, monitor)
		h.print(t)
		all = append(all, h)
		if split == nil {
			split = h.fork
		}
		if h.Problem != "" {
			failed++
		}
	}
	if split == nil {
		split = convicted(r)
	}
	if t.json {
		answer := map[string]any{"origin": r.Origin(), "given": len(seen.Checkpoints), "monitors": all, "split": split != nil}
		if alarm := new(client.Alarm); errors.As(split, &alarm) && alarm.Fork != nil {
			answer["evidence"] = r.evidenceFile(alarm.Fork)
		}
		t.printJSON(answer)
	}
	if err := r.judge(ctx, split); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s couldn't confirm that the log shows them what it shows here", failed, words.Count(len(monitors), "monitor"))
	}
	return nil
}

// look asks the log itself for its newest head. That it contradicts what was seen before is the error; one that doesn't answer is no reason not to
// tell of what it said before.
func (g *gossipCommand) look(ctx context.Context, t *terminal, r *remote) error {
	_, err := r.Checkpoint(ctx)
	var alarm *client.Alarm
	if errors.As(err, &alarm) {
		return err
	}
	if err != nil {
		t.warn("the log shows no head that counts (%s); telling of those that were seen before", commandline.OneLine(err.Error()))
	}
	return nil
}

// ask gossips with one monitor.
func ask(ctx context.Context, r *remote, monitor string) heard {
	h := heard{Monitor: monitor, Sizes: []int64{}}
	got, err := r.Gossip(ctx, monitor)
	var alarm *client.Alarm
	if errors.As(err, &alarm) {
		h.fork, h.Problem = err, err.Error()
		return h
	}
	if err != nil {
		h.Problem = err.Error()
		return h
	}
	for _, head := range got.Heard {
		h.Sizes = append(h.Sizes, head.Size)
	}
	for _, head := range got.Unconfirmed {
		h.Unconfirmed = append(h.Unconfirmed, head.Size)
	}
	switch {
	case got.Reason != nil:
		h.Problem = "the log didn't prove that this is of the history that it shows here: " + got.Reason.Error()
	case len(h.Sizes) == 0:
		h.Problem = "it says nothing of this log: it doesn't follow it, or hasn't read it yet"
	}
	return h
}

func (h *heard) print(t *terminal) {
	switch {
	case h.fork != nil:
		t.say("  %s: TWO HISTORIES, with evidence", h.Monitor)
	case len(h.Unconfirmed) > 0:
		t.say("  %s was shown a tree of %s entries: UNCONFIRMED", h.Monitor, words.Number(h.Unconfirmed[len(h.Unconfirmed)-1]))
		t.warn("%s", h.Problem)
	case h.Problem != "":
		t.say("  %s: NOTHING TO HOLD IT AGAINST", h.Monitor)
		t.warn("%s: %s", h.Monitor, h.Problem)
	default:
		t.say("  %s was shown the same history, up to a tree of %s entries", h.Monitor, words.Number(h.Sizes[len(h.Sizes)-1]))
	}
}

// convicted is the alarm that an earlier command raised, if there was one: evidence doesn't age.
func convicted(r *remote) error {
	forks := r.Seen().Forks
	if len(forks) == 0 {
		return nil
	}
	report, err := forks[0].Check(r.Key())
	if err != nil {
		return err // can't be: it was checked when it was taken
	}
	return &client.Alarm{What: "the log showed two histories before", Fork: forks[0], Notes: [][]byte{forks[0].First, forks[0].Second}, Err: errors.New(report.String())}
}
