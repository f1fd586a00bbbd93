package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func bindHTTP(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	var d databaseFlags
	var f remoteFlags
	var load loadConfig
	var chosen string
	d.bind(fs)
	f.bind(fs)
	fs.IntVar(&load.Connections, "connections", 256, "how many connections send events one by one, each from a source of its own")
	fs.IntVar(&load.BatchConns, "batch-connections", 4, "how many connections send batches")
	fs.IntVar(&load.Batch, "batch", 1000, "events in a batch, at most 1,000")
	fs.IntVar(&load.BatchSources, "batch-sources", 100, "sources whose events are in a batch")
	fs.StringVar(&chosen, "cases", "all", "the `names` of the cases, with commas between: "+strings.Join(httpCases, ", "))
	return func(ctx context.Context, p plan, r *report) (err error) {
		switch {
		case !knowsCases(chosen):
			return &usageError{"--cases must be of " + strings.Join(httpCases, ", ")}
		case load.Connections < 1 || load.Connections > 10_000:
			return &usageError{"--connections must be from 1 to 10,000"}
		case load.BatchConns < 1 || load.BatchConns > 1000:
			return &usageError{"--batch-connections must be from 1 to 1,000"}
		case load.Batch < 2 || load.Batch > 1000:
			return &usageError{"--batch must be from 2 to 1,000"}
		case load.BatchSources < 1 || load.BatchSources > load.Batch:
			return &usageError{"--batch-sources must be from 1 to the number of events in a batch"}
		}
		var t *target
		if f.url != "" {
			t, err = f.open(ctx, load)
		} else {
			t, err = startServer(ctx, r, &d, load)
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		if err := t.found(ctx); err != nil {
			return err
		}
		g, err := startGenerator(ctx, r, t.load)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.close()) }()
		return measureHTTP(ctx, p, r, t, g, chosen)
	}
}

// generatorProcess is the load generator: this program, started a second time.
type generatorProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	orders  *json.Encoder
	results *json.Decoder
}

func startGenerator(ctx context.Context, r *report, load loadConfig) (*generatorProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	g := &generatorProcess{command: exec.CommandContext(ctx, self, loadCommand)}
	g.command.Stderr = r.err
	in, err := g.command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	out, err := g.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	if err := g.command.Start(); err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	g.in, g.orders, g.results = in, json.NewEncoder(in), json.NewDecoder(out)
	if err := g.orders.Encode(load); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't start the load generator: %w", err), g.close())
	}
	return g, nil
}

func (g *generatorProcess) do(order loadOrder) (result loadResult, err error) {
	if err := g.orders.Encode(order); err != nil {
		return result, fmt.Errorf("couldn't reach the load generator: %w", err)
	}
	if err := g.results.Decode(&result); err != nil {
		return result, fmt.Errorf("the load generator ended: %w", err)
	}
	if result.Err != "" {
		return result, errors.New(result.Err)
	}
	return result, nil
}

// close lets the load generator end, which it does when its input ends.
func (g *generatorProcess) close() error {
	err := g.in.Close()
	if waited := g.command.Wait(); waited != nil {
		err = errors.Join(err, fmt.Errorf("the load generator failed: %w", waited))
	}
	return err
}
