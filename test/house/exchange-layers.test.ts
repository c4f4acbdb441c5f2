/** An exchange is made for each request, and each constructor of a layer costs it more than what it sets. */
import { expect, test } from 'vitest';
import { isProduct, textOf, treeFiles } from './tree.ts';

/** Layers above the state: methods alone. A private name (#) of any kind is set in a constructor, methods too. */
const LAYER = /^src\/proxy\/http\/exchange(?:-(?!state|times)\w+)?\.ts$/;
const MADE_FOR_EACH = /#\w|^ {2}constructor\(|^ {2}(?:(?:protected|private|readonly) )*\w+(?::[^(=]*)?(?: = .*)?;$/m;

test('the layers of the exchange have no fields and no constructors', () => {
  const layers = treeFiles().filter((path) => isProduct(path) && LAYER.test(path));
  expect(layers.length).toBe(5);
  // Interfaces beside the classes have fields.
  expect(layers.filter((path) => MADE_FOR_EACH.test(classOf(textOf(path))))).toEqual([]);
});

function classOf(text: string): string {
  const from = text.search(/^export (?:abstract )?class /m);
  return text.slice(from, text.indexOf('\n}', from));
}
