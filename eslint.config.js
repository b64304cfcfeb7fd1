// Lint rules. The preset finds floating promises and inexhaustive switches; the blocks below keep
// the layers honest in the editor. The full import table is data in test/layers.ts.
import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const noRandom = {
  object: 'Math',
  property: 'random',
  message: 'Randomness is a port (ports/random.ts), so that one seed gives everything.',
}

const clockGlobals = [
  'Date',
  'setTimeout',
  'setInterval',
  'performance',
  'fetch',
  'console',
  'process',
  'crypto',
].map((name) => ({ name, message: 'Goes through a port: this code also runs in the simulator.' }))

const pureGlobals = [
  'Promise',
  'setImmediate',
  'queueMicrotask',
  'globalThis',
  'Buffer',
  'AbortSignal',
  'AbortController',
].map((name) => ({ name, message: 'src/core is pure: facts in, decisions out.' }))

const realTime = [
  { object: 'AbortSignal', property: 'timeout', message: 'Use clock.deadline(ms) of ports/clock.' },
  noRandom,
]

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'node_modules/']),
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/strict-boolean-expressions': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: true },
      ],

      // A port is asynchronous even where an implementation answers at once: a throw must become
      // a rejection, which is what `async` is for.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      eqeqeq: 'error',
      'no-restricted-properties': ['error', noRandom],
    },
  },

  { files: ['src/adapters/system/**'], rules: { 'no-restricted-properties': 'off' } },

  {
    files: ['src/core/**', 'src/agent/**', 'sim/**'],
    ignores: ['sim/main.ts'],
    rules: {
      'no-restricted-globals': ['error', ...clockGlobals],
      'no-restricted-properties': ['error', ...realTime],
    },
  },

  {
    files: ['src/core/**/*.ts'],
    ignores: ['src/core/**/*.test.ts'],
    rules: {
      'no-restricted-globals': ['error', ...clockGlobals, ...pureGlobals],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(?!\\./|\\.\\./lib/)',
              message: 'src/core imports nothing but src/core and src/lib.',
            },
          ],
        },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ClassDeclaration, ClassExpression', message: 'No classes in src/core.' },
        {
          selector:
            ':function[async=true], AwaitExpression, TSTypeReference[typeName.name="Promise"]',
          message: 'src/core is synchronous.',
        },
      ],
    },
  },

  {
    files: ['src/agent/**/*.ts', 'sim/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '/adapters/',
              message: 'The agent and the simulator know ports, never adapters.',
            },
          ],
        },
      ],
    },
  },

  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },

  {
    files: ['test/**/*.ts'],
    ignores: ['test/support/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        {
          name: 'setTimeout',
          message: 'Wait for an event, or poll with a helper of test/support.',
        },
      ],
    },
  },

  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', setTimeout: 'readonly' },
    },
  },
)
