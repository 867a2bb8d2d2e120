INSERT INTO migrations (version, name) SELECT {version:UInt32}, {name:String}
