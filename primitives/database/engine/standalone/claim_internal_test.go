package standalone

import (
	"encoding/json"
	"testing"
)

func TestTheRoleIsFoundByItsPath(t *testing.T) {
	t.Parallel()
	var claims any
	if err := json.Unmarshal([]byte(`{
		"role": "a", "n": 5, "none": null, "https://x.example/role": "b",
		"realm": {"the roles": [{"name": "c"}, "d"], "list": ["guest", 7, "team_a", "a_admin", "x_mid_y"], "groups": ["/groupa", "/groupb/"]}}`), &claims); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		`.role`: "a", `.n`: "5", `.none`: "null", `."https://x.example/role"`: "b",
		`.realm."the roles"[0].name`: "c", `.realm."the roles"[1]`: "d",
		`.realm.list[?(@ == "guest")]`: "guest", `.realm.list[?(@ != "guest")]`: "team_a", `.realm.list[?(@ ^== "team")]`: "team_a",
		`.realm.list[?(@ ==^ "_admin")]`: "a_admin", `.realm.list[?(@ *== "mid")]`: "x_mid_y", `.realm.list[?(@=="a_admin")]`: "a_admin",
		`.nope`: "", `.role.deeper`: "", `.realm.list[9]`: "", `.realm.list[?(@ == "nope")]`: "", `.role[0]`: "",
		`.realm.groups[0][1:]`: "groupa", `.realm.groups[1][1:-1]`: "groupb", `.realm.groups[0][-2:]`: "pa", `.realm.groups[0][:3]`: "/gr", `.realm.groups[0][:]`: "/groupa",
		`.realm.groups[0][4:2]`: "", `.realm.groups[0][-99:99]`: "/groupa", `.realm.groups[?(@ ^== "/groupb")][1:-1]`: "groupb", `.realm.groups[1:]`: "",
		`$.role`: "a", `$.realm['the roles'][0].name`: "c", `$["realm"]["the roles"][-1]`: "d", `$.realm.list[-9]`: "", `$['https://x.example/role']`: "b",
		`$.realm.list[?@ == "guest"]`: "guest", `$.realm.list[?(@ != 'guest')]`: "team_a",
		`$.realm.list[?search(@, "^te.m_")]`: "team_a", `$.realm.list[?match(@, ".*mid.")]`: "", `$.realm.list[?match(@, ".*mid.*")]`: "x_mid_y",
	} {
		steps, err := parseClaimPath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, ok := lookup(claims, steps); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", path, got, ok, want)
		}
	}
	for _, bad := range []string{`role`, `.`, `..a`, `.role##`, `.my_role;;domain`, `.a-b`, `.a[0]b`, `.a[-1]`, `.a[x]`, `.a["x"]`, `.a[1:].b`, `.a[1:2:3]`, `$.`, `$.a-b`, `$.a[x]`, `$.a[1:]`, `$.a."b"`, `$..a`, `$.a[*]`, `$.a[?search(@, "(")]`, `$.a[?@ ^== "x"]`, `."open`, `.a[1`, `.a[?(@ == x)]`, `.a[?(@ ~ "x")]`, `.a[?(@ == "x"]`, `.a[?(@ == ")]`, `.a[?(@ == "x")].b`} {
		if steps, err := parseClaimPath(bad); err == nil {
			t.Errorf("%s was accepted as %q", bad, steps)
		}
	}
}
