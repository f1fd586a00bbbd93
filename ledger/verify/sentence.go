package verify

import (
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
)

// maxListed is how many names a sentence lists.
const maxListed = 12

// word is what an entry says, as its source's word: in the same figures as what would be proven of it, but never in the same words.
func (c *check) word() string {
	e := c.Entry.Event
	said := fmt.Sprintf("Source %s says", e.Source)
	switch claims := e.Claims.(type) {
	case *event.TrainingRunClaims, *event.ApprovalClaims:
		return c.saying()[0]
	case *event.DatasetClaims:
		names := make([]string, len(claims.Columns))
		for i := range claims.Columns {
			names[i] = claims.Columns[i].Name
		}
		return fmt.Sprintf("Source %s commits to the data set %q: %s of the columns %s.", e.Source, e.Subject.Name, several(claims.Rows, "row"), listed(names))
	case *event.DataAccessClaims:
		return fmt.Sprintf("%s that it read %s of %s for %q, and of each the columns %s.", said, several(claims.Records, "record"), c.named(claims.Dataset), claims.Purpose, listed(claims.Columns))
	case *event.AnonymizationClaims:
		return fmt.Sprintf("%s that chunk %d of %s was released as that of %s, with %d suppressed: at least %s share each combination of the quasi-identifiers, with at least %s of what is sensitive.",
			said, claims.Chunk, c.named(claims.Dataset), c.named(claims.Released), claims.Suppressed, several(claims.K, "row"), several(claims.Diversity, "value"))
	case *event.TrainingStepClaims:
		return fmt.Sprintf("%s that step %d of the run %s leads from the weights %s to %s.", said, claims.Step, claims.Run, claims.Before, claims.After)
	case *event.ModelVersionClaims:
		return fmt.Sprintf("%s that it serves %q, version %q, and that it is approved.", said, e.Subject.Name, claims.Version)
	}
	return fmt.Sprintf("Source %s logged an event of kind %s about %q.", e.Source, e.Kind(), e.Subject.Name)
}

// named names what a reference leads to.
func (c *check) named(d event.Digest) string {
	if e, err := c.resolver().Event(d); err == nil {
		return fmt.Sprintf("%q", e.Subject.Name)
	}
	return fmt.Sprintf("event %s", d)
}

// listed lists names, of many the first.
func listed(names []string) string {
	if more := len(names) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
