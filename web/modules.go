package web

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The scripts are modules in the form that these read, and no other: imports of names, or of all under a name, one to a line; and exports
// before what they export. A page that is one file has no addresses to import from, so that each module becomes a function that gives what it exports.
var (
	importLine = regexp.MustCompile(`^import (?:\{ (\w+(?:, \w+)*) \}|\* as (\w+)) from '\./([\w-]+\.js)';$`)
	exportLine = regexp.MustCompile(`^export (?:async )?(?:function|class|const) (\w+)`)
	anyModule  = regexp.MustCompile(`(?m)^\s*(?:import|export)\b`)
)

// scoped makes a module a constant, named by its file, that has what the module exports.
func scoped(name, source string) (string, error) {
	var body strings.Builder
	var exports []string
	for line := range strings.Lines(source) {
		bare := strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(bare, "import "):
			m := importLine.FindStringSubmatch(bare)
			switch {
			case m == nil:
				return "", fmt.Errorf("%q is no import in the form that there is", bare)
			case m[2] != "":
				line = fmt.Sprintf("const %s = %s;\n", m[2], moduleName(m[3]))
			default:
				line = fmt.Sprintf("const { %s } = %s;\n", m[1], moduleName(m[3]))
			}
		case strings.HasPrefix(bare, "export "):
			m := exportLine.FindStringSubmatch(bare)
			if m == nil {
				return "", fmt.Errorf("%q is no export in the form that there is", bare)
			}
			exports = append(exports, m[1])
			line = strings.TrimPrefix(line, "export ")
		}
		body.WriteString(line)
	}
	text := body.String()
	if at := anyModule.FindString(text); at != "" {
		return "", fmt.Errorf("it has %q where none is looked for", strings.TrimSpace(at))
	}
	// Only the engine knows where it lies, and it doesn't ask in a page that has the verifier in it.
	text = strings.ReplaceAll(text, "import.meta.url", "document.baseURI")
	slices.Sort(exports)
	return fmt.Sprintf("const %s = (() => {\n%s\nreturn { %s };\n})();\n", moduleName(name), text, strings.Join(exports, ", ")), nil
}

func moduleName(file string) string { return "module_" + strings.TrimSuffix(path.Base(file), ".js") }
