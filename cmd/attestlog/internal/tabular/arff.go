package tabular

import (
	"errors"
	"io"
	"strings"
)

// arffReader reads Weka's attribute-relation file format (https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/):
// numeric and nominal attributes, and dense rows. Dates, relational attributes, sparse rows and row weights are refused.
type arffReader struct {
	lines   *lines
	columns []Column
	cells   []string
}

// NewARFF reads the header, up to and including @data.
func NewARFF(r io.Reader) (Reader, error) {
	t := &arffReader{lines: newLines(r)}
	for {
		line, err := t.content()
		if err == io.EOF {
			return nil, fail(t.lines.number+1, "the file ends before @data")
		}
		if err != nil {
			return nil, err
		}
		keyword, rest := cutWord(line)
		switch strings.ToLower(keyword) {
		case "@relation":
		case "@attribute":
			c, err := t.attribute(rest)
			if err != nil {
				return nil, err
			}
			if t.columns = append(t.columns, c); len(t.columns) > MaxColumns {
				return nil, fail(t.lines.number, "there are more than %d attributes", MaxColumns)
			}
		case "@data":
			if err := checkColumns(t.columns, t.lines.number); err != nil {
				return nil, err
			}
			return t, nil
		default:
			return nil, fail(t.lines.number, "want @relation, @attribute or @data here")
		}
	}
}

func (t *arffReader) Columns() []Column { return t.columns }

func (t *arffReader) Read() ([]string, int, error) {
	line, err := t.content()
	if err != nil {
		return nil, 0, err
	}
	if line[0] == '{' {
		return nil, 0, fail(t.lines.number, "the row is sparse; only dense rows can be read")
	}
	t.cells, err = splitValues(t.cells[:0], line)
	if err != nil {
		return nil, 0, fail(t.lines.number, "%s", err)
	}
	if err := checkCells(t.cells, t.columns, t.lines.number); err != nil {
		return nil, 0, err
	}
	return t.cells, t.lines.number, nil
}

// content returns the next line that is neither empty nor a comment.
func (t *arffReader) content() (string, error) {
	for {
		line, err := t.lines.next()
		if err != nil {
			return "", err
		}
		if line = strings.TrimSpace(line); line != "" && line[0] != '%' {
			return line, nil
		}
	}
}

// attribute reads what follows @attribute: a name, which may be quoted, and a type.
func (t *arffReader) attribute(s string) (Column, error) {
	if s == "" {
		return Column{}, fail(t.lines.number, "want a name and a type after @attribute")
	}
	name, kind := "", ""
	if s[0] == '\'' || s[0] == '"' {
		value, rest, err := quoted(s)
		if err != nil {
			return Column{}, fail(t.lines.number, "%s", err)
		}
		name, kind = value, strings.TrimSpace(rest)
	} else {
		name, kind = cutWord(s)
	}
	c := Column{Name: clean(name)}
	switch word := strings.ToLower(kind); {
	case word == "numeric" || word == "integer" || word == "real":
		c.Numeric = true
	case word == "string":
	case strings.HasPrefix(kind, "{") && strings.HasSuffix(kind, "}"):
		labels, err := splitValues(nil, kind[1:len(kind)-1])
		if err != nil {
			return Column{}, fail(t.lines.number, "%s", err)
		}
		c.Labels = labels
	default:
		return Column{}, fail(t.lines.number, "an attribute must be numeric, integer, real, string, or a list of labels in { }")
	}
	return c, nil
}

// splitValues appends the values of a line: separated by commas, in quotes of either sort where they hold anything special.
func splitValues(dst []string, s string) ([]string, error) {
	for {
		value := ""
		s = strings.TrimLeft(s, " \t")
		if s != "" && (s[0] == '\'' || s[0] == '"') {
			v, rest, err := quoted(s)
			if err != nil {
				return nil, err
			}
			value, s = v, strings.TrimLeft(rest, " \t")
			if s != "" && s[0] != ',' {
				return nil, errors.New("something stands between a closing quote and the next comma")
			}
		} else {
			end := strings.IndexByte(s, ',')
			if end < 0 {
				end = len(s)
			}
			value, s = s[:end], s[end:]
			if strings.ContainsAny(value, `'"{}\`) {
				return nil, errors.New("a quote, a brace or a backslash stands in a value that is not in quotes")
			}
		}
		if dst = append(dst, clean(value)); s == "" {
			return dst, nil
		}
		s = s[1:]
	}
}

// quoted reads a value in quotes at the start of s, in which a backslash takes the next character as it is.
func quoted(s string) (value, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("a quote is not closed")
}

func cutWord(s string) (word, rest string) {
	if at := strings.IndexAny(s, " \t"); at >= 0 {
		return s[:at], strings.TrimSpace(s[at:])
	}
	return s, ""
}
