package snarkjs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
)

// readObject reads one JSON object whose members are exactly those named, each once, into what is given for them; only those listed as optional may be
// missing. encoding/json alone would let other members pass, the last of two win, and names be spelt with other capitals; and it takes lists of any
// length for arrays.
func readObject(b []byte, members map[string]any, optional ...string) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("this is no JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("this is not JSON: %w", err)
		}
		name, ok := t.(string)
		to, known := members[name]
		switch {
		case !ok || !known:
			return fmt.Errorf("the member %q is not known here", clip(fmt.Sprint(t)))
		case seen[name]:
			return fmt.Errorf("the member %q stands twice", name)
		}
		seen[name] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("%s: this is not JSON: %w", name, err)
		}
		if err := readValue(raw, reflect.ValueOf(to).Elem()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("this is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	for name := range members {
		if !seen[name] && !slices.Contains(optional, name) {
			return fmt.Errorf("the member %q is missing", name)
		}
	}
	return nil
}

// readValue reads a string, a number, or arrays and lists of such, and nothing else in their place.
func readValue(raw json.RawMessage, to reflect.Value) error {
	if kind := to.Kind(); kind != reflect.Array && kind != reflect.Slice {
		if bytes.Equal(raw, []byte("null")) {
			return errors.New("null stands for nothing here")
		}
		if err := json.Unmarshal(raw, to.Addr().Interface()); err != nil {
			return errors.New("this is of another type")
		}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return errors.New("a list must stand here")
	}
	if to.Kind() == reflect.Slice {
		to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
	}
	if len(list) != to.Len() {
		return fmt.Errorf("%d elements must stand here, not %d", to.Len(), len(list))
	}
	for i, one := range list {
		if err := readValue(one, to.Index(i)); err != nil {
			return err
		}
	}
	return nil
}
