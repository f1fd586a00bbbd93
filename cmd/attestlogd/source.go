package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
)

// sourceAdd is attestlogd source add.
type sourceAdd struct {
	operatorConfig
	// Request is the file that the key's holder made: attestlog keygen --log … --source ….
	Request string
	// Role is what the source may do: service (report what it does), controller (commit to data sets) or prover (attest for others).
	Role string
	// Resume leaves a source alone that is registered with this key and role already.
	Resume bool
}

// roles are those that the operator gives; its own it has from entry 0.
var roles = []string{string(event.RoleService), string(event.RoleController), string(event.RoleProver)}

func bindSourceAdd(flags *flag.FlagSet) command.Run {
	c := new(sourceAdd)
	c.bind(flags)
	flags.StringVar(&c.Request, "request", "", "the `file` with the source's request, from attestlog keygen")
	flags.StringVar(&c.Role, "role", roles[0], "what the source may do: "+strings.Join(roles, ", "))
	flags.BoolVar(&c.Resume, "resume", false, "do nothing if the source is registered with this key and role already")
	return command.Alone(c.run)
}

func (c *sourceAdd) run(ctx context.Context, s command.Streams) error {
	if !slices.Contains(roles, c.Role) {
		return command.Misusef("--role: %q is none of %s", c.Role, strings.Join(roles, ", "))
	}
	return c.withRequest(ctx, s, c.Request, func(ctx context.Context, o *operator, r *keyfile.Request) error {
		if r.Recipient != "" && c.Role != string(event.RoleProver) {
			return fmt.Errorf("couldn't use the request: it names a recipient for witnesses, which only a prover has; add --role %s", event.RoleProver)
		}
		if c.Resume {
			state, err := o.SourceState(ctx, r.Source)
			if err == nil && state.Role == event.SourceRole(c.Role) && bytes.Equal(state.Key, r.Key) {
				fmt.Fprintf(s.Out, "%s is registered as %s with key %s already: entry %d\n", r.Source, c.Role, event.KeyID(r.Key), state.Registered)
				return nil
			}
			if err != nil && !client.HasCode(err, client.CodeNotFound) && !client.HasCode(err, client.CodeUnknownSource) {
				return fmt.Errorf("couldn't look up %s: %w", r.Source, err)
			}
		}
		index, err := o.recordKey(ctx, &event.SourceClaims{
			Action: event.SourceRegister, Source: r.Source, Role: event.SourceRole(c.Role), Key: r.Key, Consent: r.Consent, Recovery: r.Recovery,
			Recipient: r.Recipient,
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "registered %s as %s with key %s: entry %d\n", r.Source, c.Role, event.KeyID(r.Key), index)
		return nil
	})
}

// sourceRotate is attestlogd source rotate. It is for a source that lost its key: the source itself rotates without the operator, and its
// history then goes on unbroken.
type sourceRotate struct {
	operatorConfig
	// Request is the file that the new key's holder made.
	Request string
}

func bindSourceRotate(flags *flag.FlagSet) command.Run {
	c := new(sourceRotate)
	c.bind(flags)
	flags.StringVar(&c.Request, "request", "", "the `file` with the request for the new key, from attestlog keygen")
	return command.Alone(c.run)
}

func (c *sourceRotate) run(ctx context.Context, s command.Streams) error {
	return c.withRequest(ctx, s, c.Request, func(ctx context.Context, o *operator, r *keyfile.Request) error {
		if len(r.Recovery) > 0 {
			return errors.New("couldn't use the request: a recovery key is named at registration, and not changed by a rotation")
		}
		if r.Recipient != "" {
			return errors.New("couldn't use the request: a prover's recipient is named at registration, and not changed by a rotation")
		}
		if r.Source == operatorSource {
			return errors.New("couldn't use the request: it is for the operator's own key, which attestlogd operator rotate replaces")
		}
		index, err := o.recordKey(ctx, &event.SourceClaims{Action: event.SourceRotate, Source: r.Source, Key: r.Key, Consent: r.Consent})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "gave %s the key %s: entry %d; on the operator's word alone, so a new epoch begins\n", r.Source, event.KeyID(r.Key), index)
		return nil
	})
}

// sourceRevoke is attestlogd source revoke.
type sourceRevoke struct {
	operatorConfig
	// Source is whose key ends.
	Source string
	// From is the index of the first entry in doubt: what the key signed from there on is shown as such.
	From int64
}

func bindSourceRevoke(flags *flag.FlagSet) command.Run {
	c := new(sourceRevoke)
	c.bind(flags)
	flags.StringVar(&c.Source, "source", "", "the `name` of the source, such as gateway/1")
	flags.Int64Var(&c.From, "from", 0, "the `index` of the first entry whose signature is in doubt; 0 if none is")
	return command.Alone(c.run)
}

func (c *sourceRevoke) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := event.CheckSource(c.Source); err != nil {
		return command.Misusef("--source: %w", err)
	}
	if c.From < 0 {
		return command.Misusef("--from: an index is not negative")
	}
	return c.with(ctx, s, func(ctx context.Context, o *operator) error {
		state, err := o.SourceState(ctx, c.Source)
		if err != nil {
			return fmt.Errorf("couldn't look up %s: %w", c.Source, err)
		}
		if state.Key == nil {
			return fmt.Errorf("couldn't revoke the key of %s: it is revoked already", c.Source)
		}
		index, err := o.recordKey(ctx, &event.SourceClaims{Action: event.SourceRevoke, Source: c.Source, Key: state.Key, From: c.From})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "revoked the key %s of %s: entry %d\n", event.KeyID(state.Key), c.Source, index)
		return nil
	})
}

// withRequest reads and checks a request before it opens the operator's chain.
func (c *operatorConfig) withRequest(ctx context.Context, s command.Streams, path string, do func(context.Context, *operator, *keyfile.Request) error) error {
	if err := c.check(); err != nil {
		return err
	}
	if path == "" {
		return command.Misusef("--request is missing")
	}
	request, err := keyfile.ReadRequest(path)
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(ctx context.Context, o *operator) error {
		if err := request.Check(o.Origin()); err != nil {
			return fmt.Errorf("couldn't use %s: %w", path, err)
		}
		return do(ctx, o, request)
	})
}
