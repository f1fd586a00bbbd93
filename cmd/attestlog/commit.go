package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/web/words"
)

const commitManual = `Reads TABLE, a CSV or ARFF file, under a schema (attestlog help schema), salts each row with 128 random bits and
commits to it all. It sends nothing anywhere. In DIR, which is made, lie then

  claims.json   what the data set's controller says in public: columns, purposes, rows, the commitment's root.
                Submit it: attestlog submit DIR/claims.json
  secrets       rows, salts and consents, for the owner's eyes only. Whoever has it can open the commitment, and without it
                nobody ever can: keep it as safe as the table itself.
`

type commit struct {
	schema, out string
}

func bindCommit(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	c := new(commit)
	fs.StringVar(&c.schema, "schema", "", "the schema's `file`")
	fs.StringVar(&c.out, "out", "", "the `directory` to write to")
	return c.run
}

// The files in a data set's folder.
const (
	claimsFile  = "claims.json"
	secretsFile = "secrets"
)

func (c *commit) run(ctx context.Context, t *terminal, args []string) error {
	switch {
	case len(args) != 1:
		return misuse("want one table, a CSV or ARFF file")
	case c.schema == "":
		return misuse("--schema is missing")
	case c.out == "":
		return misuse("--out is missing")
	}
	d, err := dataset.Commit(ctx, args[0], c.schema, t.datasetProgress())
	if err != nil {
		return err
	}
	draft, err := d.Draft()
	if err != nil {
		return err
	}
	claims, err := draft.Encode()
	if err != nil {
		return fmt.Errorf("couldn't describe the data set: %w", err)
	}
	if err := os.MkdirAll(c.out, 0o700); err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	if err := durable.CreateFrom(filepath.Join(c.out, secretsFile), 0o600, func(w io.Writer) error { return d.WriteSecrets(w) }); err != nil {
		return err
	}
	if err := durable.Create(filepath.Join(c.out, claimsFile), claims, 0o644); err != nil {
		return err
	}
	return c.report(t, d)
}

func (c *commit) report(t *terminal, d *dataset.Dataset) error {
	commitment, err := d.Commitment()
	if err != nil {
		return err
	}
	consenting := d.Consenting()
	t.say("Committed to %s: %s of %s, each with a salt of its own.", d.Name, words.Count(d.Table.Len(), "row"), words.Count(len(d.Claims.Columns), "column"))
	t.field("D", "%s", commitment)
	byPurpose := map[string]int{}
	for i, p := range d.Claims.Purposes {
		t.field("consent", "%s rows to %s", words.Number(consenting[i]), p)
		byPurpose[p] = consenting[i]
	}
	t.field("public", "%s: submit it", filepath.Join(c.out, claimsFile))
	t.field("secret", "%s: keep it, and keep it to yourself", filepath.Join(c.out, secretsFile))
	if t.json {
		t.printJSON(map[string]any{"name": d.Name, "rows": d.Table.Len(), "columns": len(d.Claims.Columns), "commitment": commitment,
			"consenting": byPurpose, "claims": filepath.Join(c.out, claimsFile), "secrets": filepath.Join(c.out, secretsFile)})
	}
	return nil
}

// datasetProgress shows the steps of reading and hashing a table.
func (t *terminal) datasetProgress() dataset.Progress {
	var b *bar
	step := ""
	return func(now string, done, total int) {
		if now != step {
			if b != nil {
				b.end()
			}
			b, step = t.bar(now, int64(total)), now
		}
		b.set(int64(done))
		if done == total {
			b.end()
		}
	}
}
