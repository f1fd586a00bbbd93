// Package document reads the YAML files that people write for attestlog: schemas, hierarchies, configurations, descriptions of
// statements. Each is one document of bounded size, and has no member that nobody knows.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Kind is what a file is, for errors.
type Kind struct {
	Name   string // such as "schema"
	Format string // what its member format says
	Max    int    // bytes
}

// Decode reads a file into a struct, or into a yaml.Node. Errors name the line where they can.
func (k Kind) Decode(b []byte, into any) error {
	if len(b) > k.Max {
		return fmt.Errorf("the %s has %d bytes, and at most %d are allowed", k.Name, len(b), k.Max)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the %s is empty; it begins with `format: %s`", k.Name, k.Format)
		}
		return err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the %s must be one YAML document", k.Name)
	}
	return nil
}

// Check holds what a file says it is against what it is to be.
func (k Kind) Check(format string) error {
	if format != k.Format {
		return fmt.Errorf("want `format: %s`, not %q", k.Format, Clip(format))
	}
	return nil
}

// Clip shortens what a file says, for an error that quotes it.
func Clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
