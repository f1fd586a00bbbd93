package web

import (
	"testing"

	"github.com/attestlog/attestlog/migrations/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
