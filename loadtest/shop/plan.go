package shop

// Member is one process of the shop.
type Member struct {
	Service string
	Version string
}

// Members lists the shop's processes, callees before their callers.
func Members() []Member {
	return []Member{
		{Service: "catalog", Version: "v1"},
		{Service: "users", Version: "v1"},
		{Service: "ratings", Version: "v1"},
		{Service: "payments", Version: "v1"},
		{Service: "payments", Version: "v2"},
		{Service: "shipping", Version: "v1"},
		{Service: "reviews", Version: "v1"},
		{Service: "reviews", Version: "v2"},
		{Service: "reviews", Version: "v3"},
		{Service: "recommendations", Version: "v1"},
		{Service: "cart", Version: "v1"},
		{Service: "checkout", Version: "v1"},
		{Service: "gateway", Version: "v1"},
	}
}
