//! The kinds and fields of the grammar as small enums, so that a node is matched without comparing strings.

use std::sync::OnceLock;

macro_rules! names {
    ($(#[$doc:meta])* $vis:vis enum $enum:ident { $($variant:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each variant is named as in the grammar")]
        $vis enum $enum { $($variant,)* }

        impl $enum {
            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names! {
    /// Kind of a node.
    pub enum Kind {
        Other "", Token " token", Error "ERROR",
        Module "module", Block "block", Comment "comment",
        ExpressionStatement "expression_statement", Assignment "assignment", AugmentedAssignment "augmented_assignment",
        For "for_statement", While "while_statement", If "if_statement", Elif "elif_clause", Else "else_clause",
        Try "try_statement", Except "except_clause", ExceptGroup "except_group_clause", Finally "finally_clause",
        With "with_statement", WithClause "with_clause", WithItem "with_item",
        Function "function_definition", Class "class_definition", Decorated "decorated_definition",
        Decorator "decorator", Parameters "parameters", LambdaParameters "lambda_parameters",
        DefaultParameter "default_parameter", TypedParameter "typed_parameter",
        TypedDefaultParameter "typed_default_parameter", ListSplatPattern "list_splat_pattern",
        DictionarySplatPattern "dictionary_splat_pattern", KeywordSeparator "keyword_separator",
        PositionalSeparator "positional_separator", Lambda "lambda",
        Identifier "identifier", Attribute "attribute", Subscript "subscript", Slice "slice", Call "call",
        ArgumentList "argument_list", KeywordArgument "keyword_argument", ListSplat "list_splat",
        DictionarySplat "dictionary_splat", ParenthesizedListSplat "parenthesized_list_splat",
        BinaryOperator "binary_operator", BooleanOperator "boolean_operator", Comparison "comparison_operator",
        Not "not_operator", Unary "unary_operator", Conditional "conditional_expression", Parenthesized
        "parenthesized_expression", Named "named_expression", Await "await", Yield "yield",
        List "list", Tuple "tuple", Set "set", Dictionary "dictionary", Pair "pair",
        ListComprehension "list_comprehension", SetComprehension "set_comprehension",
        DictionaryComprehension "dictionary_comprehension", GeneratorExpression "generator_expression",
        ForIn "for_in_clause", IfClause "if_clause",
        String "string", StringStart "string_start", StringContent "string_content", StringEnd "string_end",
        Interpolation "interpolation", FormatSpecifier "format_specifier", TypeConversion "type_conversion",
        EscapeSequence "escape_sequence", EscapeInterpolation "escape_interpolation",
        ConcatenatedString "concatenated_string", Integer "integer", Float "float", True "true",
        False "false", None "none", Ellipsis "ellipsis",
        Return "return_statement", Raise "raise_statement", Assert "assert_statement", Delete "delete_statement",
        Pass "pass_statement", Break "break_statement", Continue "continue_statement", Global "global_statement",
        Nonlocal "nonlocal_statement", Import "import_statement", ImportFrom "import_from_statement",
        FutureImport "future_import_statement", AliasedImport "aliased_import", DottedName "dotted_name",
        WildcardImport "wildcard_import", RelativeImport "relative_import", ImportPrefix "import_prefix",
        ExpressionList "expression_list", PatternList "pattern_list", TuplePattern "tuple_pattern",
        ListPattern "list_pattern", AsPattern "as_pattern", AsPatternTarget "as_pattern_target",
        Match "match_statement", Case "case_clause", CasePattern "case_pattern", Type "type",
        GenericType "generic_type", UnionType "union_type", MemberType "member_type",
        TypeParameter "type_parameter", TypeAlias "type_alias_statement", Print "print_statement",
        Exec "exec_statement", LineContinuation "line_continuation",
    }
}

names! {
    /// The role of a node in its parent.
    pub enum Field {
        Nothing "", Alias "alias", Alternative "alternative", Argument "argument", Arguments "arguments",
        Attribute "attribute", Body "body", Cause "cause", Condition "condition", Consequence "consequence",
        Definition "definition", Expression "expression", FormatSpecifier "format_specifier", Function "function",
        Guard "guard", Key "key", Left "left", ModuleName "module_name", Name "name", Object "object",
        Operator "operator", Operators "operators", Parameters "parameters", ReturnType "return_type", Right "right",
        Subject "subject", Subscript "subscript", Superclasses "superclasses", Type "type",
        TypeConversion "type_conversion", TypeParameters "type_parameters", Value "value",
    }
}

/// The tables from the grammar's numbers to the enums.
pub(super) struct Tables {
    kinds: Vec<Kind>,
    fields: Vec<Field>,
}

impl Tables {
    pub(super) fn get() -> &'static Self {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(|| {
            let language: tree_sitter::Language = tree_sitter_python::LANGUAGE.into();
            let n_kinds = u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX);
            let kinds = (0..n_kinds).map(|id| {
                if !language.node_kind_is_named(id) {
                    return Kind::Token;
                }
                language.node_kind_for_id(id).and_then(Kind::named).unwrap_or(Kind::Other)
            });
            let n_fields = u16::try_from(language.field_count()).unwrap_or(u16::MAX);
            let fields = (0..=n_fields)
                .map(|id| language.field_name_for_id(id).and_then(Field::named).unwrap_or(Field::Nothing));
            Self { kinds: kinds.collect(), fields: fields.collect() }
        })
    }

    pub(super) fn kind(&self, id: u16) -> Kind {
        // The grammar numbers error nodes outside its table.
        self.kinds.get(usize::from(id)).copied().unwrap_or(Kind::Error)
    }

    pub(super) fn field(&self, id: u16) -> Field {
        self.fields.get(usize::from(id)).copied().unwrap_or(Field::Nothing)
    }
}
