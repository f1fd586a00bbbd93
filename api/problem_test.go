package api

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger"
)

// TestProblemsAgree holds the table, PROBLEMS.md, openapi.yaml and the ledger's codes together.
func TestProblemsAgree(t *testing.T) {
	page, err := os.ReadFile("PROBLEMS.md")
	if err != nil {
		t.Fatal(err)
	}
	var inTable []string
	for _, row := range problemTypes {
		inTable = append(inTable, string(row.code))
		dagger := ""
		if row.garbage {
			dagger = " †"
		}
		want := "\n## " + string(row.code) + "\n**" + strconv.Itoa(row.status) + "** " + row.title + dagger + " — "
		if !strings.Contains(string(page), want) {
			t.Errorf("PROBLEMS.md should have, and doesn't:%s", want)
		}
	}
	var onPage []string
	for _, match := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(page), -1) {
		onPage = append(onPage, match[1])
	}
	var inContract []string
	for _, code := range readContract(t).Components.Schemas["Code"].Value.Enum {
		inContract = append(inContract, code.(string))
	}
	if !slices.Equal(inTable, onPage) {
		t.Errorf("the table has\n%q\nand PROBLEMS.md\n%q", inTable, onPage)
	}
	if !slices.Equal(inTable, inContract) {
		t.Errorf("the table has\n%q\nand openapi.yaml\n%q", inTable, inContract)
	}
	for _, code := range ledger.Codes() {
		if !slices.Contains(inTable, string(code)) {
			t.Errorf("the ledger's code %q has no row in the table", code)
		}
	}
}
