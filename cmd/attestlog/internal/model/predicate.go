package model

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

var (
	compared = regexp.MustCompile(`^([^<>=!]+)(<=|>=|!=|=)([^<>=!]+)$`)
	inSet    = regexp.MustCompile(`^([^<>=!]+)\s+in\s*\{([^{}]*)\}$`)
)

// ParsePredicate reads a condition on a setting as people write it: "temperature<=700", "mode != 3", "mode in {1, 2}".
func ParsePredicate(s string) (event.Predicate, error) {
	s = strings.TrimSpace(s)
	p := event.Predicate{}
	var bounds []string
	if m := inSet.FindStringSubmatch(s); m != nil {
		p.Key, p.Comparison, bounds = m[1], "in", strings.Split(m[2], ",")
	} else if m := compared.FindStringSubmatch(s); m != nil {
		p.Key, p.Comparison, bounds = m[1], m[2], []string{m[3]}
	} else {
		return p, fmt.Errorf("%q is no condition: want one like temperature<=700, with =, !=, <= or >=, or like 'mode in {1,2}'", s)
	}
	p.Key = norm.NFC.String(strings.TrimSpace(p.Key))
	for _, b := range bounds {
		n, err := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
		if err != nil {
			return p, fmt.Errorf("%q is no condition: %q is not an integer", s, strings.TrimSpace(b))
		}
		p.Bounds = append(p.Bounds, n)
	}
	if _, err := statement.NewPredicates([]event.Predicate{p}); err != nil {
		return p, fmt.Errorf("%q is no condition: %w", s, err)
	}
	return p, nil
}

// PredicateText writes a predicate as ParsePredicate reads it.
func PredicateText(p event.Predicate) string {
	bounds := make([]string, len(p.Bounds))
	for i, b := range p.Bounds {
		bounds[i] = strconv.FormatInt(b, 10)
	}
	if p.Comparison == "in" {
		return p.Key + " in {" + strings.Join(bounds, ",") + "}"
	}
	return p.Key + p.Comparison + strings.Join(bounds, ",")
}
