package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// topics are pages of help that are about no command.
func topics() map[string]string {
	return map[string]string{"schema": schemaManual, "hierarchy": hierarchyManual, "statements": statementsManual, "configuration": configurationManual,
		"models": modelsManual, "exit-codes": exitManual, "environment": environmentManual}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "attestlog records what AI systems do, proves it without showing private data, and checks what others recorded.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  attestlog %-19s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
More about each:          attestlog help COMMAND
The schema of a table:    attestlog help schema
Hierarchies:              attestlog help hierarchy
Statements of yours:      attestlog help statements
A model's configuration:  attestlog help configuration
Files about models:       attestlog help models
Exit codes:               attestlog help exit-codes
Environment variables:    attestlog help environment
`)
}

func help(t *terminal, args []string) int {
	if len(args) == 0 {
		usage(t.out)
		return exitDone
	}
	name := strings.Join(args, " ")
	if text, ok := topics()[name]; ok {
		fmt.Fprint(t.out, text)
		return exitDone
	}
	found := false
	for _, c := range commands() {
		if c.name == name || strings.HasPrefix(c.name, name+" ") { // the first of two words has the pages of all that begin with it
			if found {
				fmt.Fprintln(t.out)
			}
			manual(t.out, c)
			found = true
		}
	}
	if found {
		return exitDone
	}
	fmt.Fprintf(t.err, "attestlog: there is no help about %q; attestlog help lists what there is\n", name)
	return exitUsage
}

// manual prints a command's page.
func manual(w io.Writer, c command) {
	fmt.Fprintf(w, "attestlog %s: %s\n\n  attestlog %s %s\n\n%s\nFlags:\n\n", c.name, c.summary, c.name, c.args, c.manual)
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.Bool("json", false, "print one JSON object in place of text")
	c.bind(fs)
	fs.VisitAll(func(f *flag.Flag) {
		kind, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, "  %-20s %s\n", strings.TrimRight("--"+f.Name+" "+kind, " "), wrap(text, strings.Repeat(" ", 23), 90))
	})
}

const exitManual = `Exit codes of attestlog:

  0  it did what it was asked to
  1  it couldn't: a file, the network, the server; one line on standard error says why
  2  the command line makes no sense
  3  a verification failed: don't rely on what was checked
  4  the log refused the event, and says which rule it breaks
  5  the claims are not true of the data, so there is no proof of them
  6  the verification holds, but a key or a statement that it rests on was revoked since, and in doubt from before it on
`

const environmentManual = `Environment variables of attestlog:

  ATTESTLOG_SERVER   the log's address, where --server is not given; without either, http://localhost:8080
  ATTESTLOG_LOG_KEY  the log's public key, or the file that holds it, where --log-key is not given
  ATTESTLOG_POLICY   the file that says whose cosignatures a head needs, where --policy is not given
  ATTESTLOG_MONITORS the monitors that attestlog gossip asks where none is named, with spaces or commas between
`

const schemaManual = `The schema of a table, for attestlog dataset commit, is a small YAML file:

  format: attestlog-schema/v1
  name: german-credit

  # What people may consent to, at most 64. The order matters: purpose number i is bit i of each row's consent mask.
  purposes: [credit-scoring, marketing]

  # Who consented to what: a CSV file beside the schema with a column "row" (from 0) and one of yes/no for each purpose …
  consent: {file: consent.csv}
  # … or a column of the table itself that lists each row's purposes, separated by ";", or says none:
  # consent: {column: agreed}

  # The columns that are committed to, at most 210 (30 if accesses are to be proven), in the data set's order.
  # role: direct (names a person), quasi (names one together with others), sensitive, or other.
  columns:
    - {name: age, role: quasi, min: 0, max: 127}                # integers of a range
    - {name: job, role: quasi, labels: [clerk, smith]}          # one of some labels
    - {name: class, role: sensitive}                            # labels as the ARFF file declares them
    - {name: none-1, role: quasi, fill: '-'}                    # not in the table: one label in every row, to fill a place

  # Columns of the table that are not committed to. One that is neither described nor ignored is an error.
  ignore: [remarks]

Ranges and labels become public, what single rows hold doesn't. So give ranges that follow from what a column means, not
from the values that happen to occur.
`

const hierarchyManual = `The hierarchy of a data set, for attestlog anonymize, is a small YAML file. It says what becomes of each quasi-identifier:

  format: attestlog-hierarchy/v1
  columns:
    # Of integers: where each interval begins. The last one ends with the column's range, so these are 0–29, 30–39, … 60–127.
    - {name: age, intervals: [0, 30, 40, 50, 60]}

    # Of labels: how many characters stay. 10115 becomes 101*.
    - {name: postcode, prefix: 3}

    # Of labels: which become one, and how that is called. Each label of the column stands in one category.
    - name: job
      categories:
        medical: [nurse, doctor]
        office: [clerk]

    # As it is.
    - {name: sex, keep: true}

Each quasi-identifier has one of these, and no other column has any: sensitive and other columns are released as they are, direct
identifiers are erased. The released labels become public; of the file itself only a digest does.

Which columns are what was said in the schema when the data set was committed (attestlog help schema), and so was their order, which
the proof depends on. Columns are, in the order in which the schema lists them:

  1        a sensitive one, of at most 4,096 codes: the one that l is about
  2 to 4   quasi-identifiers, of at most 128 codes each
  5 to 7   quasi-identifiers, too, or sensitive and other columns
  8 to 10  direct identifiers, or sensitive and other columns
  11 on    sensitive and other columns; at most 30 columns in all

The schema's order need not be the table's: columns are found by their names. Who has fewer than three quasi-identifiers fills the places
that are left in the schema, as with {name: none-1, role: quasi, fill: '-'}, and keeps them here: {name: none-1, keep: true}.
`
