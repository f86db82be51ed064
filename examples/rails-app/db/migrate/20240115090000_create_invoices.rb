# frozen_string_literal: true

class CreateInvoices < ActiveRecord::Migration[6.1]
  def change
    create_table :invoices do |t|
      t.string :number, null: false
      t.string :customer, null: false
      t.integer :amount_cents, null: false

      t.timestamps
    end

    add_index :invoices, :number, unique: true
  end
end
