package config

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestFiltersOfAccessLogs(t *testing.T) {
	for expression, want := range map[string]string{
		`response.code >= 400`: `{"op":">=","attribute":"response.code","number":400}`,
		`400 <= response.code`: `{"op":">=","attribute":"response.code","number":400}`,
		`connection.mtls && request.url_path.contains('v1beta3')`:             `{"op":"and","of":[{"op":"true","attribute":"connection.mtls"},{"op":"contains","attribute":"request.url_path","text":"v1beta3"}]}`,
		`!has(request.useragent) || !(request.useragent.startsWith("Probe"))`: `{"op":"or","of":[{"op":"not","of":[{"op":"has","attribute":"request.useragent"}]},{"op":"not","of":[{"op":"startsWith","attribute":"request.useragent","text":"Probe"}]}]}`,
		`request.headers['X-User'] != "ada"`:                                  `{"op":"not","of":[{"op":"==","attribute":"request.headers[x-user]","text":"ada"}]}`,
		`'x-user' in request.headers`:                                         `{"op":"has","attribute":"request.headers[x-user]"}`,
		`has(request.headers.user)`:                                           `{"op":"has","attribute":"request.headers[user]"}`,
		`request.method in ['GET', 'HEAD']`:                                   `{"op":"in","attribute":"request.method","texts":["GET","HEAD"]}`,
		`response.code in [200, 204]`:                                         `{"op":"in","attribute":"response.code","numbers":[200,204]}`,
		`request.duration > duration("1500ms")`:                               `{"op":"\u003e","attribute":"request.duration","number":1.5}`,
		`connection.mtls == false`:                                            `{"op":"not","of":[{"op":"true","attribute":"connection.mtls"}]}`,
		`request.path.matches("^/v[0-9]+/")`:                                  `{"op":"matches","attribute":"request.path","text":"^/v[0-9]+/"}`,
	} {
		got, err := LogFilter(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		b, err := json.Marshal(got)
		if text := strings.ReplaceAll(string(b), `\u003e`, ">"); err != nil || text != strings.ReplaceAll(want, `\u003e`, ">") {
			t.Errorf("%s:\n%s, want\n%s", expression, text, want)
		}
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	for expression, want := range map[string]string{
		`response.code >`:                     "is no CEL expression",
		`respnse.code > 1`:                    "undeclared reference to 'respnse'",
		`response.flags > 0`:                  "response.flags is not supported; want comparisons of connection.mtls, request.duration",
		`response.headers['a'] == 'b'`:        "what is compared is not supported",
		`request.path`:                        "request.path is a text", // not a condition
		`response.code + 1 > 400`:             "is not supported",
		`response.code.contains("2")`:         "response.code is a number, and compared with a text",
		`response.code == "200"`:              "response.code is a number, and compared with a text",
		`request.path == request.url_path`:    "what is no constant is not supported",
		`request.path < 'b'`:                  "the order of texts is not supported",
		`connection.mtls ? true : false`:      `"?_:" is not supported`,
		`request.path.matches('(')`:           "is no regular expression",
		`request.method in ['GET', 1]`:        "request.method is a text, and looked for among others",
		`request.duration > duration("x")`:    `duration("x") is none`,
		`request.headers.exists(h, h == 'a')`: "is not supported",
		strings.Repeat("!(", 50) + "connection.mtls" + strings.Repeat(")", 50): "is no CEL expression",
		strings.Repeat(" ", 5000): "has 5000 bytes",
	} {
		if _, err := LogFilter(expression); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(want, "is a text")) {
			t.Errorf("%.60s: %v, want %s", expression, err, want)
		}
	}
}
