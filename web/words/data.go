package words

import (
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
)

func dataAccess(e *event.Event, at Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.DataAccessClaims)
	return Count(c.Records, "record") + " read",
		fmt.Sprintf("The source declares %s read of %s, for the purpose %s, and of each only these columns: %s.",
			Count(c.Records, "record"), named(at, c.Dataset, "a data set"), Name(c.Purpose), list(c.Columns, 12)),
		[]Fact{
			number("Records read", c.Records), refers("Data set", c.Dataset), text("Purpose of the data set", c.Purpose), texts("Columns read", c.Columns),
			hash("List of what was read", c.Accesses, "a commitment: the list itself stays private, and can be disclosed to an auditor"),
		}
}

func anonymization(e *event.Event, at Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.AnonymizationClaims)
	from := c.Chunk * c.ChunkRows
	return fmt.Sprintf("Chunk %s anonymized", Number(c.Chunk)),
		fmt.Sprintf("The source declares that rows from %s on of %s, up to %s of them, were generalized into those of %s: at least %s share each combination of quasi-identifiers, with at least %s of what is sensitive; %s left out.",
			Number(from), named(at, c.Dataset, "a data set"), Number(c.ChunkRows), named(at, c.Released, "another one"), Count(c.K, "row"), Count(c.Diversity, "distinct value"), Count(c.Suppressed, "row")),
		[]Fact{
			refers("Raw data set", c.Dataset), refers("Released data set", c.Released), number("Chunk", c.Chunk), number("Rows of a chunk, at most", c.ChunkRows),
			number("k: rows alike, at least", c.K), number("l: distinct sensitive values, at least", c.Diversity), number("Rows left out", c.Suppressed),
			hash("Hierarchies", c.Hierarchy, "a commitment to how values are generalized"),
		}
}

func dataset(e *event.Event, _ Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.DatasetClaims)
	facts := []Fact{number("Rows", c.Rows), texts("Purposes that rows can consent to", c.Purposes)}
	columns := Fact{Name: "Columns"}
	for _, column := range c.Columns {
		columns.Values = append(columns.Values, Value{Text: fmt.Sprintf("%s (%s, %s)", column.Name, roles[column.Role], coding(column.Coding))})
	}
	return fmt.Sprintf("A data set of %s", Count(c.Rows, "row")),
		fmt.Sprintf("The source commits to the data set %s: %s of %s. What is in it stays private; whatever is proven about it is held against this commitment.",
			Name(e.Subject.Name), Count(c.Rows, "row"), Count(len(c.Columns), "column")),
		append(facts, columns, hash("Root of the rows", c.Root, "a commitment: the rows, each with a salt, stay with their controller"))
}

var roles = map[event.Role]string{event.RoleDirect: "direct identifier", event.RoleQuasi: "quasi-identifier", event.RoleSensitive: "sensitive", event.RoleOther: "other"}

// coding says what values a column can have.
func coding(c event.Coding) string {
	if c.Category != nil {
		if labels := c.Category.Labels; len(labels) > 6 {
			return Count(len(labels), "label")
		}
		return list(c.Category.Labels, 6)
	}
	if c.Integer != nil {
		return fmt.Sprintf("%d to %d", c.Integer.Min, c.Integer.Max)
	}
	return "no coding"
}

func erasure(e *event.Event, at Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.ErasureClaims)
	what := map[string]string{"salts": "the salts", "payload": "the private data", "all": "the private data and the salts"}[c.Scope]
	return "Private data erased",
		fmt.Sprintf("The source declares that %s kept off the log about an event about %s are gone. The event stays: it never held private data.", what, named(at, c.Event, "a subject")),
		[]Fact{refers("Event", c.Event), plain("What was erased", what), text("Reason", c.Reason)}
}
