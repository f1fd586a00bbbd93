package main

import (
	"context"
	"flag"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

const headManual = `Fetches the newest head of the log and checks its signature, and that it continues the head that was seen last: nobody can
take back a history that you have seen. With --policy, it must have the cosignatures that the policy asks for.
`

type headCommand struct {
	log logFlags
}

func bindHead(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	h := new(headCommand)
	h.log.bind(fs)
	return h.run
}

func (h *headCommand) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 0 {
		return misuse("%q is one argument too many", args[0])
	}
	r, err := h.log.connect(t)
	if err != nil {
		return err
	}
	head, err := r.Checkpoint(ctx)
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	t.say("%s signed a tree of %s entries.", head.Origin, words.Number(head.Size))
	t.field("root", "%s", rootText(head.Root))
	since := h.since(t, r, head)
	by := cosigners(r, head)
	if len(by) > 0 {
		t.field("cosigned", "by %s: as the policy asks", strings.Join(by, ", "))
	}
	if t.json {
		answer := map[string]any{"origin": head.Origin, "size": head.Size, "root": event.Digest(head.Root), "note": string(head.Note), "consistent_with": since}
		if r.policy != nil {
			answer["cosigned_by"] = by
		}
		t.printJSON(answer)
	}
	return nil
}

// cosigners are the names of the policy's witnesses that cosigned a head; none without a policy.
func cosigners(r *remote, head verify.Head) []string {
	names := []string{}
	if r.policy == nil {
		return names
	}
	_, cosignatures, _ := r.policy.Open(head.Note, r.Key()) // that they are enough was checked
	for _, c := range cosignatures {
		names = append(names, r.policy.Witnesses[c.Witness].Name)
	}
	return names
}

// since says which head was known and is consistent with the new one; −1: none was.
func (h *headCommand) since(t *terminal, r *remote, head verify.Head) int64 {
	if r.known == nil {
		t.field("history", "this is the first head of this log that was seen here; the next ones must continue it")
		return -1
	}
	known, err := verify.OpenHead(r.known, r.Key())
	if err != nil {
		return -1 // can't be: the client was made with it
	}
	if known.Size > head.Size { // receipts run ahead of what is published
		t.field("history", "the tree of %s entries that was seen last continues it", words.Number(known.Size))
	} else {
		t.field("history", "it continues the tree of %s entries that was seen last", words.Number(known.Size))
	}
	return known.Size
}
