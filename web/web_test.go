package web_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/web"
)

// The content security policy under which the dashboard is served allows nothing inline and nothing from elsewhere.
func TestPageIsServableUnderStrictPolicy(t *testing.T) {
	dist, ok := web.Dist()
	if !ok {
		t.Fatal("the dashboard is not built: run go generate ./web")
	}
	raw, err := fs.ReadFile(dist, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)

	for _, inline := range []string{`<style`, `style="`, `<script>`, `javascript:`, ` onload=`} {
		if strings.Contains(page, inline) {
			t.Errorf("index.html contains %q", inline)
		}
	}
	references := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(references) < 4 {
		t.Errorf("got %d references in index.html, want icon, theme, script and style:\n%s", len(references), page)
	}
	for _, reference := range references {
		name, local := strings.CutPrefix(reference[1], "/dashboard/")
		if !local {
			t.Errorf("index.html refers to %q, want a path below /dashboard/", reference[1])
			continue
		}
		if _, err := fs.Stat(dist, name); err != nil {
			t.Errorf("index.html refers to a file that is missing: %v", err)
		}
	}
}
