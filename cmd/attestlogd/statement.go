package main

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// statementList is attestlogd statement list.
type statementList struct{ operatorConfig }

func bindStatementList(flags *flag.FlagSet) command.Run {
	c := new(statementList)
	c.bind(flags)
	return command.Alone(c.run)
}

func (c *statementList) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	cl, err := c.connect(nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	statements, err := cl.Statements(ctx)
	if err != nil {
		return fmt.Errorf("couldn't list the statements: %w", err)
	}
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	for _, st := range statements {
		fmt.Fprintf(w, "%s\t%s\t%s\tentry %d\t%s\n", st.Digest, st.Claims.Name, st.Status, st.Registration.Index, verify.SetupWords(st.Claims.Setup))
	}
	return w.Flush()
}

// statementRevoke is attestlogd statement revoke: nothing is proven under the statement any more.
type statementRevoke struct {
	operatorConfig
	// Statement is the digest of the verifying key, or the name where only one statement of that name stands.
	Statement string
	// From is the index of the first entry in doubt: what is proven under the statement from there on is shown as such.
	From int64
}

func bindStatementRevoke(flags *flag.FlagSet) command.Run {
	c := new(statementRevoke)
	c.bind(flags)
	flags.StringVar(&c.Statement, "statement", "", "the `digest` of its verifying key, or its name if that says which; see attestlogd statement list")
	flags.Int64Var(&c.From, "from", 0, "the `index` of the first entry whose proof is in doubt; 0 if none is")
	return command.Alone(c.run)
}

func (c *statementRevoke) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	switch {
	case c.Statement == "":
		return command.Misusef("--statement is missing")
	case c.From < 0:
		return command.Misusef("--from: an index is not negative")
	}
	return c.with(ctx, s, func(ctx context.Context, o *operator) error {
		statement, err := c.find(ctx, o.Client)
		if err != nil {
			return err
		}
		index, err := o.record(ctx, client.Draft{
			Subject: event.Subject{Name: statement.Claims.Name, Digest: statement.Digest},
			Claims:  &event.StatementClaims{Action: event.StatementRevoke, Statement: statement.Digest, From: c.From},
		})
		if err != nil {
			return fmt.Errorf("couldn't revoke the statement %s: %w", statement.Claims.Name, err)
		}
		fmt.Fprintf(s.Out, "revoked the statement %s, %s: entry %d\n", statement.Claims.Name, statement.Digest, index)
		return nil
	})
}

// find is the statement that is meant.
func (c *statementRevoke) find(ctx context.Context, from *client.Client) (*client.Statement, error) {
	if digest, err := event.ParseDigest(c.Statement); err == nil {
		statement, err := from.Statement(ctx, digest)
		if err != nil {
			return nil, fmt.Errorf("couldn't look up statement %s: %w", digest, err)
		}
		return statement, nil
	}
	all, err := from.Statements(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't list the statements: %w", err)
	}
	var found *client.Statement
	for _, st := range all {
		if st.Claims.Name != c.Statement || st.Status == "revoked" {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("couldn't tell which statement is meant: several that stand are named %s; give the digest", c.Statement)
		}
		found = st
	}
	if found == nil {
		return nil, fmt.Errorf("couldn't find a statement that stands and is named %q: see attestlogd statement list", c.Statement)
	}
	return found, nil
}
